"""The login by phone, and the user model."""
