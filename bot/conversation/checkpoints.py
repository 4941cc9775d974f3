"""What can be told of a checkpoint by its engine."""

from __future__ import annotations

from inference.errors import PromptError
from inference.prompt import END_OF_UTTERANCE
from inference.surface import Engine


def was_trained_on_turns(engine: Engine) -> bool:
    """Whether the model has the token that ends a turn; base checkpoints do not."""
    try:
        engine.count_tokens([END_OF_UTTERANCE])
    except PromptError:
        return False
    return True
