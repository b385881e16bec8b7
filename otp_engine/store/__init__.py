"""The stores: the only package that talks to Redis."""
