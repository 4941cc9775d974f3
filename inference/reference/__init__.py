"""The engine on transformers' own `generate`: the oracle in tests and the peer in measurements."""
