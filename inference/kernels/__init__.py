"""Kernels for GPUs: for all that a decode step does, and for the attention of prompts."""
