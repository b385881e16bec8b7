"""Phone numbers, allowed destinations and the keys of phones in the store."""
