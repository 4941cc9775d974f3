"""What the commands of `idefics-bot` do; `bot.__main__` declares them."""
