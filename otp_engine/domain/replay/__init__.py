"""Replays of stored events against a proposed policy."""
