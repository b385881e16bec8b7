"""Rate limits: windows, hits and the networks of clients."""
