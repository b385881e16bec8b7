"""What operators read and change, in common for the command line and the console.

Operations return frozen dataclasses and raise errors of `otp_engine.errors`. They print
nothing, and use neither click nor Flask.
"""
