"""The transformers model's weights as the engine multiplies with them: fused where that saves passes.

Fused storage belongs to the modules too: their weights become views of it, so the model itself still works
and memory does not double.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import torch
from torch import nn
from torch.nn import functional

from inference.engine import dispatch
from inference.kernels.limits import MOST_ROWS

if TYPE_CHECKING:
    from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text

Projection: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
"""A linear map without bias: (rows, in) to (rows, out)."""


class Dense:
    """One matrix (out, in), of one layer or of several stacked along their outputs."""

    def __init__(self, weight: torch.Tensor) -> None:
        self.weight = weight

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self.has_kernel_for(x):
            return self.kernel(x)
        return functional.linear(x, self.weight)

    def has_kernel_for(self, x: torch.Tensor) -> bool:
        return dispatch.uses_kernels(x) and 0 < len(x) <= MOST_ROWS

    def kernel(self, x: torch.Tensor, *, gated: bool = False) -> torch.Tensor:
        """The product, with `gated` as silu(first half) * second half."""
        from inference.kernels.linear import linear

        return linear(x.contiguous(), self.weight, gated=gated)


def projection(*layers: nn.Module) -> Projection:
    """The layers' outputs next to each other, (rows, sum of outs); what can be is fused for that."""
    kinds = {type(layer) for layer in layers}
    if kinds == {nn.Linear}:
        return Dense(fuse([cast(nn.Parameter, layer.weight) for layer in layers]))
    in_4bit = {kind.__name__ for kind in kinds} == {"Linear4bit"}
    kernel = _nf4_kernel(layers) if in_4bit else None

    def product(x: torch.Tensor) -> torch.Tensor:
        if kernel is not None and len(x) <= MOST_ROWS:
            return kernel(x)
        # What cannot be stacked, such as 8-bit layers: each by itself.
        outputs = [cast(torch.Tensor, layer(x)) for layer in layers]
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-1)

    return product


def _nf4_kernel(layers: Sequence[Any]) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """The product of few rows with the layers' weights stacked, of which their own weights become views.

    None where there is no kernel, or for weights that it does not read.
    """
    if not dispatch.uses_kernels(layers[0].weight):
        return None
    from inference.kernels.nf4 import nf4_linear
    from inference.kernels.nf4_weight import Nf4Weight

    try:
        weight = Nf4Weight.stack([Nf4Weight.of(layer) for layer in layers])
    except ValueError:  # of another kind, or of another shape
        return None
    start = 0
    for layer in layers:
        shape = layer.weight.shape
        end = start + int(layer.out_features)
        layer.weight.data = weight.packed[start:end].view(shape).view(layer.weight.dtype)
        start = end

    def multiply(x: torch.Tensor) -> torch.Tensor:
        out = x.new_empty(len(x), len(weight.packed))
        nf4_linear(x.contiguous(), weight, out)
        return out

    return multiply


def gated_projection(
    gate: nn.Module, up: nn.Module, activation: Callable[[torch.Tensor], torch.Tensor]
) -> Projection:
    """act(gate(x)) * up(x)"""
    both = projection(gate, up)
    is_silu = type(activation).__name__ in ("SiLU", "SiLUActivation")

    def product(x: torch.Tensor) -> torch.Tensor:
        if is_silu and isinstance(both, Dense) and both.has_kernel_for(x):
            return both.kernel(x, gated=True)
        gate_up = both(x)
        if is_silu and dispatch.uses_kernels(x):
            from inference.kernels.fused import silu_product

            return silu_product(gate_up)
        gates, ups = gate_up.chunk(2, dim=-1)
        return activation(gates) * ups

    return product


@torch.no_grad()
def fuse(parameters: Sequence[nn.Parameter]) -> torch.Tensor:
    """The matrices stacked along their first dimension; the parameters become views of the stack.

    Doing it again finds the stack that is there.
    """
    first = parameters[0]
    if len(parameters) == 1:
        return first.data
    rows = sum(len(parameter) for parameter in parameters)
    if not _are_stacked(parameters):
        stack = torch.cat([parameter.data for parameter in parameters])
        for parameter, part in zip(
            parameters, torch.split(stack, [len(each) for each in parameters]), strict=True
        ):
            parameter.data = part
    return first.data.as_strided((rows, *first.shape[1:]), first.stride())


def _are_stacked(parameters: Sequence[nn.Parameter]) -> bool:
    storage = parameters[0].untyped_storage().data_ptr()
    expected = parameters[0].data_ptr()
    for parameter in parameters:
        if (
            parameter.untyped_storage().data_ptr() != storage
            or parameter.data_ptr() != expected
            or not parameter.is_contiguous()
        ):
            return False
        expected += parameter.nbytes
    return True


def embedding_table(model: IdeficsForVisionText2Text) -> torch.Tensor:
    """(vocabulary with the added tokens, hidden): one look-up without asking which id is an added one."""
    table = model.model.embed_tokens
    added = [table.additional_embedding.weight] if table.num_additional_embeddings else []
    return fuse([table.weight, *added])


def head_matrix(model: IdeficsForVisionText2Text) -> torch.Tensor:
    """(vocabulary with the added tokens, hidden)."""
    head = model.lm_head
    added = [head.additional_fc.weight] if head.out_additional_features else []
    return fuse([head.weight, *added])
