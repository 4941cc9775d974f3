"""The memory of running and finished conversations: pages, remembered prefixes, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from inference.engine.pages import PAGE_SIZE, PagedLayers, PagePool, pages_for
from inference.engine.pictures import PictureCache
from inference.engine.prefixes import Prefix, PrefixCache
from inference.errors import PromptError
from inference.prepared import PreparedPicture


@dataclass(eq=False, slots=True)
class TokenSequence:
    """Tokens of one request, the pages that hold what was computed of them, and the pictures they see."""

    token_ids: list[int]
    """The prompt and what was generated so far."""
    views: list[int]
    """For each token of the prompt the index of the picture that it sees, -1 for none."""
    pictures: tuple[PreparedPicture, ...]
    pages: list[int]
    spare: list[int]
    """Further pages, for beams and labels."""
    cached: int
    """Tokens that were found computed."""
    computed: int
    slots: dict[int, int] = field(default_factory=dict)
    """Slots of the pictures that tokens yet to be computed see."""

    def slot_at(self, position: int) -> int:
        """The slot of the picture that the token at `position` sees, 0 for none."""
        view = self.views[min(position, len(self.views) - 1)]
        return self.slots[view] if view >= 0 else 0

    def prefix(self, tokens: int) -> Prefix:
        """The first `tokens` tokens, as what was computed of them depends on them."""
        views = self.views[:tokens] + self.views[-1:] * (tokens - len(self.views))
        return Prefix.of(self.token_ids[:tokens], views, [picture.digest for picture in self.pictures])


class KVCache:
    """Gives out memory to sequences, first from what is free, then from what is only remembered."""

    def __init__(self, own: PagedLayers, pictures: PagedLayers, *, slots: int, remembered: int) -> None:
        self.own = own.layers
        self.picture_layers = pictures.layers
        self._pages, self._picture_pages = own, pictures
        self.pool = PagePool(len(self.own[0].keys))
        self.prefixes = PrefixCache(self.pool, remembered)
        self.pictures = PictureCache(slots)

    def admit(
        self,
        token_ids: Sequence[int],
        views: Sequence[int],
        pictures: tuple[PreparedPicture, ...],
        *,
        tokens: int,
        spare: int = 0,
    ) -> TokenSequence | None:
        """Memory for a sequence that grows to `tokens` tokens; None if there is not enough now.

        Args:
            token_ids: at least one; the last is computed even if it was before, for what comes after it.
            spare: pages beside those of the sequence itself.

        Raises:
            PromptError: there can never be enough; the message says what to do.
        """
        pages, different = pages_for(tokens) + spare, len({picture.digest for picture in pictures})
        if pages > self.pool.size:
            raise PromptError(
                "This needs memory for {tokens} tokens and the engine has it for {most}: "
                "shorten the prompt, or ask for fewer tokens or beams.",
                tokens=pages * PAGE_SIZE,
                most=self.pool.size * PAGE_SIZE,
            )
        if different > self.pictures.slots:
            raise PromptError(
                "The prompt has {number} pictures and the engine has room for {most}: leave some out.",
                number=different,
                most=self.pictures.slots,
            )
        sequence = TokenSequence(list(token_ids), list(views), pictures, [], [], 0, 0)
        cached, found = self.prefixes.longest(sequence.prefix(len(token_ids)))
        cached = min(cached, len(token_ids) - 1)
        if cached and self._place(sequence, cached, found[: pages_for(cached)], tokens, spare):
            return sequence
        # What was found may itself take the place that the sequence needs.
        return sequence if self._place(sequence, 0, [], tokens, spare) else None

    def _place(self, sequence: TokenSequence, cached: int, found: list[int], tokens: int, spare: int) -> bool:
        """Gives a sequence memory, its first `cached` tokens in the pages `found`; False if it cannot."""
        pictures, views = sequence.pictures, sequence.views
        seen = {views[min(at, len(views) - 1)] for at in range(cached, len(sequence.token_ids))} - {-1}
        if not self.pictures.has_room(pictures[view].digest for view in seen):
            return False
        full = cached // PAGE_SIZE
        needed = pages_for(tokens) - full
        self.pool.share(found)  # so that they survive the forgetting
        if not self._make_room(needed + spare):
            self.pool.release(found)
            return False
        own = self.pool.take(needed)
        if found[full:]:
            try:
                self.copy_pages([(found[full], own[0])])
            except Exception:
                self.pool.release(found + own)
                raise
            self.pool.release(found[full:])
        sequence.pages = found[:full] + own
        sequence.spare = self.pool.take(spare)
        sequence.cached = sequence.computed = cached
        slots = self.pictures.take([pictures[view] for view in seen])
        sequence.slots = dict(zip(seen, slots, strict=True))
        return True

    def _make_room(self, pages: int) -> bool:
        """Has so many pages free by forgetting prefixes; forgets none if that would not be enough."""
        if pages > self.pool.free and pages > self.pool.free + self.prefixes.only_remembered():
            return False
        while self.pool.free < pages:
            self.prefixes.forget()
        return True

    def release(self, sequence: TokenSequence, *, poisoned: bool = False, forgotten: bool = False) -> None:
        """Ends a sequence's use of memory; `poisoned` if what was computed for it is no numbers.

        Its pictures stay for others unless it is one or the other.
        """
        pages = sequence.pages + sequence.spare
        if poisoned:
            # What is no number would spoil sums even where it is masked.
            self.prefixes.forget_in(pages[sequence.cached // PAGE_SIZE :])
            self._pages.clear([page for page in pages if self.pool.users(page) == 1])
        self.pool.release(pages)
        for view in sequence.slots:
            self.pictures.release(sequence.pictures[view].digest, forget=poisoned or forgotten)
        sequence.pages, sequence.spare, sequence.slots = [], [], {}

    def remember(self, sequence: TokenSequence, tokens: int) -> None:
        """Keeps the first `tokens` tokens of a sequence, all of them computed, for later ones."""
        self.prefixes.remember(sequence.prefix(tokens), sequence.pages)

    def forget(self) -> None:
        """Nothing that no sequence uses is kept any more."""
        while self.prefixes.forget():
            pass
        self.pictures.forget()

    def wipe(self) -> None:
        """Zeros where something is left of sequences and pictures that are gone."""
        self._pages.clear(self.pool.unused.left())
        each = len(self.picture_layers[0].keys) // (self.pictures.slots + 1)  # slot 0 too has its pages
        self._picture_pages.clear(
            [slot * each + page for slot in self.pictures.unused.left() for page in range(each)]
        )

    def copy_pages(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Copies pages, each from its first to its second number."""
        if pairs:
            self._pages.copy(*zip(*pairs, strict=True))
