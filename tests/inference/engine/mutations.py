"""Shows that the tests see what must not go wrong: `python -m tests.inference.engine.mutations`.

Each mutation is applied to a copy of the sources, in which some test must then fail. The exit status is 1
if one survives.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.mutating import Mutation, try_all

MUTATIONS = [
    Mutation(
        "the picture's hash is left out of the prefix key",
        "prefixes.py",
        'digest = digests[picture] if picture >= 0 else b""',
        'digest = b"any" if picture >= 0 else b""',
        "conversation_goes_on",
    ),
    Mutation(
        "the query's norm is used for keys",
        "model.py",
        "Norm(attention.k_layer_norm)",
        "Norm(attention.q_layer_norm)",
        "mixed_arrivals and 80b and CPU",
    ),
    Mutation(
        "the gate is dropped for tokens that see no picture, in reading",
        "gathered.py",
        "Seen(upload(pages, device), None, upload(blind, device),",
        "Seen(upload(pages, device), None, None,",
        "mixed_arrivals and CPU",
    ),
    Mutation(
        "the gate is dropped for tokens that see no picture, in decoding",
        "gathered.py",
        "(lengths == 0)[:, None, None] if shortest == 0 else None",
        "None",
        "mixed_arrivals and CPU",
    ),
    Mutation(
        "the layer's gate is not applied",
        "model.py",
        "Stream(x, attended, self._attention_gate)",
        "Stream(x, attended)",
        "mixed_arrivals and CPU",
    ),
    Mutation(
        "beams keep their own keys and values instead of their parent's",
        "beams.py",
        "tables = [self.tables[parent][:full] for parent in parents]",
        "tables = [(self.tables[beam] or self.tables[0])[:full] for beam in range(len(parents))]",
        "mixed_arrivals and CPU",
    ),
    Mutation(
        "the page that a beam has begun is not copied",
        "beams.py",
        "pairs.append((self.tables[parent][full], table[-1]))",
        "pass",
        "mixed_arrivals and CPU",
    ),
    Mutation(
        "in reading a token sees the one after it",
        "gathered.py",
        "(keys <= sequences.pad(upload(positions, device))[..., None])",
        "(keys <= 1 + sequences.pad(upload(positions, device))[..., None])",
        "mixed_arrivals and CPU",
    ),
    Mutation(
        "in reading a token does not see itself",
        "gathered.py",
        "(keys <= sequences.pad(upload(positions, device))[..., None])",
        "(keys <= (sequences.pad(upload(positions, device)) - 1).clamp(min=0)[..., None])",
        "mixed_arrivals and CPU",
    ),
    Mutation(
        "in decoding a token sees one too many",
        "gathered.py",
        "mask = tokens < lengths.clamp(min=1)[:, None]",
        "mask = tokens <= lengths.clamp(min=1)[:, None]",
        "mixed_arrivals and CPU",
    ),
    Mutation(
        "a shared page that is filled in part is not copied",
        "context.py",
        "self.copy_pages([(found[full], own[0])])",
        "pass",
        "conversation_goes_on",
    ),
    Mutation(
        "pages are given back while they are remembered",
        "prefixes.py",
        "self._pool.share(kept)",
        "pass",
        "mixed_arrivals and CPU",
    ),
    Mutation(
        "positions are off by one in decoding",
        "rows.py",
        "positions = (self.lengths[:rows] - 1).clamp(min=0)",
        "positions = self.lengths[:rows].clone()",
        "mixed_arrivals and CPU",
    ),
    Mutation(
        "who leaves takes another row's logits along",
        "decoding.py",
        "rows = [row_of[beam] for beam in range(job.num_rows)]",
        "rows = [row for row, seat in enumerate(self._seats) if seat.job is job] or [0] * job.num_rows",
        "any_schedule or mixed_arrivals",
    ),
    Mutation(
        "what is no number stays in the pages",
        "context.py",
        "self._pages.clear([page for page in pages if self.pool.users(page) == 1])",
        "pass",
        "poisoned_picture",
    ),
    Mutation(
        "in tiles a token sees one too many",
        "layout.py",
        "(place, count, row, chunk.start + place - first)",
        "(place, count, row, chunk.start + place - first + 1)",
        "as_on_a_gpu",
    ),
    Mutation(
        "in tiles another picture is seen",
        "layout.py",
        "(place, count, picture, keys)",
        "(place, count, 2 * picture, keys)",
        "as_on_a_gpu",
    ),
    Mutation(
        "what a layer leaves to be added is not added",
        "model.py",
        "x = x + (added if gate is None else gate * added)",
        "x = x + added",
        "mixed_arrivals and CPU",
    ),
    Mutation(
        "prompts never gather",
        "loop.py",
        "return enough or self._steps_since_reading > self.machine.steps_between_passes",
        "return True",
        "prompts_gather",
    ),
    Mutation(
        "prompts that fill a pass gather on",
        "loop.py",
        " or self._reader.unread_tokens >= self.machine.chunk_tokens",
        "",
        "prompts_gather",
    ),
    Mutation(
        "a row that is moved leaves its options behind",
        "rows.py",
        "self.sampling.move(source, target)",
        "pass",
        "any_company or any_schedule or mixed_arrivals",
    ),
    Mutation(
        "noise can be infinite",
        "sampling.py",
        "(bits.float() + 0.5) * 2.0**-23",
        "(bits.float() + 1.0) * 2.0**-23",
        "masked_is_not_drawn",
    ),
    Mutation(
        "a poisoned request's prefix is remembered",
        "context.py",
        "self.prefixes.forget_in(pages[sequence.cached // PAGE_SIZE :])",
        "pass",
        "begins_like_a_poisoned",
    ),
    Mutation(
        "the old machine is there until the new one is made",
        "loop.py",
        "            garbage.let_go(error)\n",
        "",
        "all_go_on_where_they_were",
    ),
    Mutation(
        "a device that is broken fails one request after the other",
        "loop.py",
        "self.machine.synchronize()  # raises if nothing can be computed any more",
        "pass",
        "outside_a_step",
    ),
    Mutation(
        "all labels are compared before the next step",
        "loop.py",
        "passes=1 if self._decoding.rows else len(self._rankings)",
        "passes=len(self._rankings)",
        "many_labels",
    ),
    Mutation(
        "what a longer pass left stays in a recording's buffer",
        "layout.py",
        "numbers = np.zeros(len(self._numbers), np.int32)",
        "numbers = self._numbers.numpy()",
        "whatever_was_read_before",
    ),
    Mutation(
        "a pass's pages are taken for those of another place",
        "layout.py",
        "pages = chunk.pages[:width]",
        "pages = chunk.pages[:width][::-1]",
        "whatever_was_read_before",
    ),
    Mutation(
        "logits are wanted on another device",
        "prefill.py",
        "hidden[buffer.wanted.to(hidden.device)]",
        "hidden[buffer.wanted]",
        "devices",
    ),
    Mutation(
        "memory is shared out as if all devices were one",
        "budget.py",
        "for device, count in Counter(layers).items()",
        "for device, count in [(layers[-1], len(layers) // 2)]",
        "of_several_devices",
    ),
    Mutation(
        "who waits for pages has all that is remembered forgotten",
        "context.py",
        "if pages > self.pool.free and pages > self.pool.free + self.prefixes.only_remembered():",
        "if pages > self.pool.free and not self.prefixes.forget():",
        "forgotten_in_vain or takes_the_last_page or conversation_goes_on",
    ),
    Mutation(
        "a known prefix stands in its own way",
        "context.py",
        "return sequence if self._place(sequence, 0, [], tokens, spare) else None",
        "return None",
        "takes_the_last_page",
    ),
    Mutation(
        "logits after another token are taken",
        "layout.py",
        "places += range(end - chunk.wanted, end)",
        "places += range(end - chunk.wanted - 1, end - 1)",
        "test_crew",
    ),
    Mutation(
        "a share's pictures go into the first slots",
        "pictures.py",
        "first = self._slots[some].to(layer.device)",
        "first = self._slots[: some.stop - some.start].to(layer.device)",
        "test_crew",
    ),
    Mutation(
        "a pass's error comes while others still compute",
        "crew.py",
        "            wait(others)\n",
        "            pass\n",
        "all_works_are_over",
    ),
    Mutation(
        "a long pass begins where no kernel was compiled for",
        "layout.py",
        "tokens = -(-len(layout.token_ids) // 16) * 16",
        "tokens = len(layout.token_ids)",
        "test_layout",
    ),
    Mutation(
        "what was made anew in a step cannot be written to between steps",
        "loop.py",
        "    @torch.inference_mode()\n    def forget",
        "    def forget",
        "can_be_forgotten",
    ),
    Mutation(
        "the pictures that were encoded last are left",
        "machine.py",
        "self.encoder.wipe()",
        "pass",
        "nothing_is_kept",
    ),
]


if __name__ == "__main__":
    sys.exit(try_all(MUTATIONS, Path("inference/engine"), "tests/inference/engine"))
