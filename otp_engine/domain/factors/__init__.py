"""Factors: the authenticator apps of the people and things that a client names."""
