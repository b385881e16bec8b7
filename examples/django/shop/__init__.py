"""An application with a login by phone."""
