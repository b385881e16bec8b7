"""Events in Redis streams: written in the background, read page by page."""
