"""Twilio Verify's resources: one module and one blueprint each."""
