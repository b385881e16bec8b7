"""The policy, its versions and the live policy."""
