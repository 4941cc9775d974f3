"""Kernels for GPUs: for all that a decode step does, and for the attention of prompts.

In a step's order: `fused` norms, rotations and gates; `linear` products, or with 4-bit weights those of `nf4`
(`nf4_hopper` or `nf4_portable`); `paged_attention`, and for prompts `prefill_attention`. `launching` says how
they are started.
"""
