"""The built-in model: a small IDEFICS that knows flat drawings, the world it was taught, and its training."""
