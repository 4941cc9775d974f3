"""Continuous batching: requests join and leave the running batch at any step.

`loop` is that step. It moves requests (`jobs`, and `ranking` for labels) from the line through `reading`,
which has pictures encoded and prompts prefilled in chunks, to `decoding`, the running batch with its `beams`.

`machine` is what lies on the device. Its KV cache (`context`) gives out `pages`, finds `prefixes` and knows
`pictures`, within a `budget`. `prefill` and `rows` are the two kinds of passes over the `model`, whose
`weights` are transformers' own; `sampling` ends a step. They attend by kernels (`attention`, for prompts with
a `layout`) or, where `dispatch` finds none, over `gathered` pages, shared out to a `crew` of threads.
`graphs` are recorded passes, `transfers` bring values to devices.
"""
