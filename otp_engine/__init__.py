"""A self-hosted engine for one-time codes.

Two verbs carry the whole service. *Send* puts a fresh code on somebody's phone;
*check* decides, once, whether the code that came back is one that was sent.

Start reading in `otp_engine.domain.engine`, then follow `otp_engine.app` to see
what is plugged into it.
"""

__version__ = "0.1.0"
