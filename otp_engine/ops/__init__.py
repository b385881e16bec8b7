"""Observability: health checks, logs and metrics."""
