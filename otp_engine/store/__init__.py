"""What is remembered, and the only folder that speaks Redis."""
