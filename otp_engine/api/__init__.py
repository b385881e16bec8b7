"""Who calls: HTTP in, one call of the engine, an answer out.

`auth` is the service's own API. A second face, Twilio Verify's `/v2` in `verify_v2`,
stands beside it and calls the same engine.
"""
