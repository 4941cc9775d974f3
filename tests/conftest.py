"""Triton decides when it is imported, which bitsandbytes does, whether it compiles or interprets."""

from __future__ import annotations

import os

import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"
