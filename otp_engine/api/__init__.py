"""The HTTP APIs: each view parses a request, calls the engine, and builds a response.

`auth` is the API of this service. `verify_v2` is Twilio Verify's `/v2` on the same
engine.
"""

PATHS = ("/auth/", "/v2/")
"""The paths of the two APIs; each contains those below it."""
