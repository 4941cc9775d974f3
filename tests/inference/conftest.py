"""Parts that are slow to make and never change."""

from __future__ import annotations

import pytest
from transformers import PreTrainedTokenizerBase

from inference.tokenizer import load_tokenizer
from tests.inference.checkpoints import VOCABULARY_SIZE
from tests.inference.tokenizer_fixture import write_tokenizer


@pytest.fixture(scope="session")
def small_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerBase:
    """The tokenizer that belongs to the models of `tests.inference.checkpoints`."""
    folder = tmp_path_factory.mktemp("tokenizer")
    return load_tokenizer(write_tokenizer(folder, vocabulary_size=VOCABULARY_SIZE))
