"""The rules of the service, without HTTP, Redis and Twilio."""
