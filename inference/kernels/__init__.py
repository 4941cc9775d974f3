"""Triton kernels for what torch has no fast operation for: decoding over a paged cache, and NF4 weights."""
