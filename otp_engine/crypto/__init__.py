"""Secrets, pseudonyms and hashes."""
