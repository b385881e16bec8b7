"""How the parts of the service are built from its settings."""
