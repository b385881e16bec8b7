"""The rules. Nothing in this folder has heard of HTTP, Redis or Twilio."""
