"""The forward pass of IDEFICS over packed tokens, as the equations say; weights are transformers' own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn
from torch.nn import functional

from inference.engine import dispatch
from inference.engine.attention import Attention
from inference.engine.pages import PagedLayer, PagedLayers
from inference.engine.transfers import to_device
from inference.engine.weights import (
    Dense,
    embedding_table,
    gated_projection,
    head_matrix,
    projection,
)

if TYPE_CHECKING:
    from transformers.models.idefics.modeling_idefics import IdeficsForVisionText2Text


class Decoder:
    """Token ids to hidden states and logits. Nothing in it waits for the device or depends on values.

    Layers may lie on different devices; the hidden states follow them.
    """

    def __init__(self, model: IdeficsForVisionText2Text) -> None:
        config = model.config
        self.heads = cast(int, config.num_attention_heads)
        self.head_dim = cast(int, config.hidden_size) // self.heads
        self._embedding = embedding_table(model)
        self._head = Dense(head_matrix(model))
        self._norm = Norm(model.model.norm)
        interval = cast(int, config.cross_layer_interval)
        self.layers = [SelfAttentionBlock(layer, self.heads) for layer in model.model.layers]
        self.cross_layers = [
            CrossAttentionBlock(layer, self.heads) for layer in model.model.gated_cross_attn_layers
        ]
        self._blocks: list[SelfAttentionBlock | CrossAttentionBlock] = []
        for index, layer in enumerate(self.layers):
            if index % interval == 0:
                self._blocks.append(self.cross_layers[index // interval])
            self._blocks.append(layer)
        self._block_devices = {block.device for block in self._blocks}
        self._rotation = _rotation(model, self._embedding)

    @property
    def device(self) -> torch.device:
        """Where token ids go in and logits come out."""
        return self._embedding.device

    @property
    def dtype(self) -> torch.dtype:
        """Of hidden states, keys and values."""
        return self._embedding.dtype

    @property
    def vocabulary(self) -> int:
        return len(self._head.weight)

    @property
    def devices(self) -> set[torch.device]:
        """All devices that layers lie on."""
        return {self._embedding.device, self._head.weight.device} | self._block_devices

    def pages(self, devices: Sequence[torch.device], count: int) -> PagedLayers:
        """So many empty pages for layers on these devices."""
        return PagedLayers(devices, count, self.heads, self.head_dim, self.dtype)

    def forward(
        self,
        token_ids: torch.Tensor,
        positions: torch.Tensor,
        own: list[PagedLayer],
        pictures: list[PagedLayer],
        attention: Attention,
    ) -> torch.Tensor:
        """Hidden states (tokens, hidden) after the last norm.

        Args:
            token_ids: integers (tokens).
            positions: integers (tokens), counted from 0 in each sequence.
            own: keys and values of each decoder layer.
            pictures: keys and values of the pictures for each cross layer.
        """
        stream = Stream(functional.embedding(token_ids, self._embedding))
        rotation = self._rotation[positions]
        rotation_on = {device: to_device(rotation, device) for device in self._block_devices}
        attention_on = {device: to_device(attention, device) for device in self._block_devices}
        own_pages, picture_pages = iter(own), iter(pictures)
        for block in self._blocks:
            stream, attention = stream.to(block.device), attention_on[block.device]
            if isinstance(block, CrossAttentionBlock):
                stream = block(stream, next(picture_pages), attention)
            else:
                stream = block(stream, rotation_on[block.device], next(own_pages), attention)
        return self._norm.of_sum(stream.to(self._norm.weight.device))[1]

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """float32 (tokens, vocabulary with the added tokens)."""
        return self._head(hidden.to(self._head.weight.device)).to(self.device).float()


@dataclass(frozen=True, slots=True)
class Stream:
    """Hidden states x, and what is yet to be added: x + gate * added. The next norm adds on its way."""

    x: torch.Tensor
    """(tokens, hidden)"""
    added: torch.Tensor | None = None
    """(tokens, hidden)"""
    gate: torch.Tensor | None = None
    """(hidden) or (1); 1 if not given"""

    def to(self, device: torch.device) -> Stream:
        return self if self.x.device == device else to_device(self, device)


class SelfAttentionBlock:
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, layer: Any, heads: int) -> None:
        attention = layer.self_attn
        self._heads = heads
        self._norm = Norm(layer.input_layernorm)
        self._qkv = projection(attention.q_proj, attention.k_proj, attention.v_proj)
        self._out = projection(attention.o_proj)
        self._mlp_norm = Norm(layer.post_attention_layernorm)
        self._mlp = Mlp(layer.mlp)
        self.device: torch.device = layer.input_layernorm.weight.device

    def __call__(
        self, stream: Stream, rotation: torch.Tensor, pages: PagedLayer, attention: Attention
    ) -> Stream:
        x, normed = self._norm.of_sum(stream)
        qkv = self._qkv(normed).view(len(x), 3, self._heads, -1)
        attended = self._out(attention.own(pages, qkv, rotation).flatten(1))
        x, normed = self._mlp_norm.of_sum(Stream(x, attended))
        return Stream(x, self._mlp(normed))


class CrossAttentionBlock:
    """x + tanh(a) attention(norm(x), picture), then x + tanh(b) mlp(norm(x)).

    Attention is zero where a token sees no picture; the MLP counts for every token.
    """

    def __init__(self, layer: Any, heads: int) -> None:
        attention = layer.cross_attn
        self._heads = heads
        self._norm = Norm(layer.input_layernorm)
        self._query = projection(attention.q_proj)
        self._key_value = projection(attention.k_proj, attention.v_proj)
        self._query_norm = Norm(attention.q_layer_norm) if attention.qk_layer_norms else _unchanged
        self._key_norm = Norm(attention.k_layer_norm) if attention.qk_layer_norms else _unchanged
        self._out = projection(attention.o_proj)
        self._mlp_norm = Norm(layer.post_attention_layernorm)
        self._mlp = Mlp(layer.mlp)
        self._attention_gate: torch.Tensor = layer.alpha_cross_attn.detach().flatten().tanh()
        self._mlp_gate: torch.Tensor = layer.alpha_dense.detach().flatten().tanh()
        self.device: torch.device = layer.input_layernorm.weight.device

    def __call__(self, stream: Stream, pages: PagedLayer, attention: Attention) -> Stream:
        x, normed = self._norm.of_sum(stream)
        queries = self._query_norm(self._query(normed).view(len(x), self._heads, -1))
        attended = self._out(attention.pictures(pages, queries).flatten(1))
        x, normed = self._mlp_norm.of_sum(Stream(x, attended, self._attention_gate))
        return Stream(x, self._mlp(normed), self._mlp_gate)

    def keys_and_values(self, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What tokens that see a picture attend to, each (latents, heads, head dimension).

        Args:
            latents: (latents, width) of one picture or of several together.
        """
        keys, values = self._key_value(latents).view(len(latents), 2, self._heads, -1).unbind(1)
        return self._key_norm(keys), values


class Mlp:
    """down(act(gate(x)) * up(x))"""

    def __init__(self, mlp: Any) -> None:
        self._gated = gated_projection(mlp.gate_proj, mlp.up_proj, mlp.act_fn)
        self._down = projection(mlp.down_proj)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self._down(self._gated(x))


class Norm:
    """x / rms(x) * weight, over the last dimension."""

    def __init__(self, norm: Any) -> None:
        self.weight: nn.Parameter = norm.weight
        self._epsilon: float = norm.variance_epsilon

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self.of_sum(Stream(x.reshape(-1, x.shape[-1])))[1].view(x.shape)

    def of_sum(self, stream: Stream) -> tuple[torch.Tensor, torch.Tensor]:
        """The hidden states with what was to be added, and the norm of that."""
        x, added, gate = stream.x, stream.added, stream.gate
        if dispatch.uses_kernels(x):
            from inference.kernels.fused import rms_norm

            return rms_norm(x, self.weight, self._epsilon, added=added, gate=gate)
        if added is not None:
            x = x + (added if gate is None else gate * added)
        return x, functional.rms_norm(x, self.weight.shape, self.weight, self._epsilon)


def _rotation(model: IdeficsForVisionText2Text, like: torch.Tensor) -> torch.Tensor:
    """Cosines and sines of every position, (positions, 2, head dimension), in the type of `like`."""
    embedding = model.model.layers[0].self_attn.rotary_emb
    positions = torch.arange(model.config.max_position_embeddings, device=embedding.inv_freq.device)
    cos, sin = embedding(like.new_empty(0, device=positions.device), positions[None])
    return torch.stack((cos[0], sin[0]), dim=1).to(like.device)


def _unchanged(x: torch.Tensor) -> torch.Tensor:
    return x
