"""What the kernels are made for; known without Triton, so that their callers can keep to it."""

from __future__ import annotations

PAGE_SIZE = 16
"""Tokens whose keys and values lie together."""
MOST_ROWS = 64
"""Rows up to which the reading of a matrix sets the pace of a product; above it, torch's own is the better
way."""
QUERIES_OF_A_TILE = 32
"""New tokens of a sequence that are attended for at a time."""
