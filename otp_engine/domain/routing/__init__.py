"""Routes: which channel and which provider a message takes, by destination."""
