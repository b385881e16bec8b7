"""A self-hosted service that verifies phone numbers with one-time passcodes.

A *send* creates a code and sends it to a phone. A *check* compares a submitted code
with those that were sent, and approves the verification at most once.

Start reading in `otp_engine.domain.engine`, then in `otp_engine.app`, which connects
the engine to Redis, the providers and the HTTP API.
"""

__version__ = "0.1.0"
