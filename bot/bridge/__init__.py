"""Between Discord's objects and the core: messages in, answers out, pictures fetched, requests sent."""
