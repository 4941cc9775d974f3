"""How much is kept of somebody, as part of a sentence."""

from __future__ import annotations

from bot.conversation.personal import Amount
from bot.languages.words import Words


def said(amount: Amount, words: Words) -> str:
    """Such as "3 messages and 1 picture"; "nothing" for nothing."""
    parts = [
        (amount.messages, words.plural("{number} message", "{number} messages", amount.messages)),
        (amount.photos, words.plural("{number} picture", "{number} pictures", amount.photos)),
        (amount.answers, words.plural("{number} answer", "{number} answers", amount.answers)),
        (amount.examples, words.plural("{number} example", "{number} examples", amount.examples)),
        (amount.votes, words.plural("{number} reaction", "{number} reactions", amount.votes)),
    ]
    return words.listed([part for number, part in parts if number]) or words("nothing")
