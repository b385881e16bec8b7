"""Money: amounts, prices, and the budget of a day."""
