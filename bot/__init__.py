"""The chat bot and its command line, on top of `inference`."""
