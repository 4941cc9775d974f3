"""Labels compared by their probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping


def ranked(
    ids: Mapping[str, tuple[int, ...]], log_probabilities: Mapping[str, float]
) -> list[tuple[str, float]]:
    """Labels and the log-probabilities of answering with exactly that label, best first.

    An answer that begins with "cars" also begins with "car" if the ids of "car" begin those of "cars". To
    make the labels exclude each other, such a label's probability is reduced by those of the labels that
    go on from it.

    Args:
        ids: the labels' ids, all different.
        log_probabilities: natural logarithms of the probabilities that an answer begins with a label's ids.
    """
    result = {}
    for label, own in ids.items():
        longer = [other for other in ids if ids[other][: len(own)] == own and other != label]
        # Of "car", "car park", "car parking" the last is part of the second and must not count twice.
        nearest = [
            other
            for other in longer
            if not any(ids[other][: len(ids[third])] == ids[third] for third in longer if third != other)
        ]
        share = math.fsum(math.exp(log_probabilities[other] - log_probabilities[label]) for other in nearest)
        result[label] = log_probabilities[label] + math.log1p(-share) if share < 1.0 else -math.inf
    return sorted(result.items(), key=lambda pair: pair[1], reverse=True)
