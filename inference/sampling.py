"""What all ways of drawing tokens have in common."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.surface import Options

LEAST_TEMPERATURE = 1e-4
"""Below this the distribution is greedy in float32 anyway, and the division would overflow."""


def seed_of(options: Options) -> int:
    """The seed asked for, within 63 bits, or one that nobody can foresee."""
    return secrets.randbits(63) if options.seed is None else options.seed % 2**63
