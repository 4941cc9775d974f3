"""Products with bitsandbytes' NF4 weights for few rows; the packed bytes are read once, as they lie."""

from __future__ import annotations

import torch

from inference.kernels import nf4_hopper, nf4_portable
from inference.kernels.launching import on_its_device
from inference.kernels.limits import MOST_ROWS
from inference.kernels.nf4_weight import Nf4Weight


@on_its_device
def nf4_linear(x: torch.Tensor, weight: Nf4Weight, out: torch.Tensor) -> None:
    """Writes x · weightᵀ to `out`.

    `x`: (rows, inputs), contiguous, 1 to `MOST_ROWS` rows; `out`: (rows, outputs), contiguous. Both bfloat16
    or float16. The table's 16 values are rounded to the type of `x`, in bfloat16 by 0.3 % of themselves at
    most; scales and sums are float32. (bitsandbytes rounds them as much, multiplied by their scales.)
    """
    rows, inputs = x.shape
    assert 1 <= rows <= MOST_ROWS
    assert weight.packed.shape[1] * 2 == inputs
    assert out.shape == (rows, len(weight.packed))
    assert out.dtype == x.dtype
    assert x.is_contiguous()
    assert out.is_contiguous()
    way = nf4_hopper if nf4_hopper.can_multiply(x, weight) else nf4_portable
    way.multiply(x, weight, out)
