"""Triton chooses between compiling for a GPU and interpreting when it is imported, which bitsandbytes does."""

from __future__ import annotations

import os

import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"
