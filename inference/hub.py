"""Checkpoints from the Hugging Face hub: which of a repository's files are needed, and fetching them."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from typing import Any, Self

from inference.checkpoint import TOKENIZER_FILES, WEIGHT_FILES
from inference.errors import CheckpointError, InferenceError
from inference.progress import Progress, ReportProgress

log = logging.getLogger(__name__)

SMALL_FILES = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    *TOKENIZER_FILES,
)


def fetch_checkpoint(repository: str, report: ReportProgress) -> Path:
    """The folder of a hub checkpoint in the local cache, after downloading what is missing there.

    Weights are taken as safetensors where the repository has them. Without a connection, a checkpoint
    that is already in the cache is used.

    Args:
        repository: such as `HuggingFaceM4/idefics-9b-instruct`.
        report: told the bytes of all files together as they arrive.

    Raises:
        CheckpointError: there is no such repository; the hub cannot be reached, refuses it or fails; or the
            files find no place here; the message says which.
    """
    from huggingface_hub import HfApi, hf_hub_download, snapshot_download
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
    )

    try:
        info = HfApi().model_info(repository, files_metadata=True)
        sizes = _needed({file.rfilename: file.size or 0 for file in info.siblings or ()})
        if not sizes:
            raise CheckpointError(f"{repository!r} on the hub holds no model: use an IDEFICS checkpoint.")
        received = _Received(sum(sizes.values()), report)
        for name, size in sizes.items():
            before = received.done
            path = hf_hub_download(repository, name, tqdm_class=received.bar_class())
            received.advance(before + size - received.done)  # A file in the cache shows no bar.
    except HFValidationError as error:
        raise CheckpointError(
            f"{repository!r} is neither a folder here nor the name of a checkpoint on the hub."
        ) from error
    except GatedRepoError as error:
        raise CheckpointError(
            f"The hub gives out {repository!r} only to people who asked for access: "
            "ask for it there, then log in with `hf auth login`."
        ) from error
    except RepositoryNotFoundError as error:
        raise CheckpointError(
            f"There is no folder {repository!r} here and no checkpoint of that name on the hub "
            "(or it is private: log in with `hf auth login`)."
        ) from error
    except InferenceError:
        raise
    except Exception as error:
        reason = error.errno if isinstance(error, OSError) else None
        no_place = (
            f"{repository!r} cannot be kept in {HF_HUB_CACHE} ({os.strerror(reason or 0)}): make room there, "
            "or set HF_HOME to another folder."
        )
        if reason in _FULL:  # and what is in the cache is only a part
            raise CheckpointError(no_place) from error
        # The class of a failed connection differs between the versions of the hub's library.
        try:
            folder = Path(snapshot_download(repository, local_files_only=True))
        except OSError:
            status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
            sentence = no_place if reason in _READ_ONLY else _unavailable(repository, status)
            raise CheckpointError(sentence) from error
        log.warning("The hub fails: %s is used as it is in the cache.", repository, exc_info=error)
        return folder
    return Path(path).parent


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_READ_ONLY = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def _unavailable(repository: str, status: int | None) -> str:
    """What to do about a hub that answered with the HTTP status `status`, or not at all (None)."""
    match status:
        case None:
            return (
                f"{repository!r} is not on this machine, and the hub cannot be reached: "
                "check the connection, or name a folder that holds the checkpoint."
            )
        case 401 | 403:
            return f"The hub refuses {repository!r} to this account: log in with `hf auth login`."
        case 404:
            return f"The hub lacks a file of {repository!r} that it lists: try again later."
        case 429:
            return "The hub gets too many requests from here: wait some minutes, or use `hf auth login`."
        case _:
            return f"The hub failed to send {repository!r} (HTTP status {status}): try again later."


def _needed(sizes: dict[str, int]) -> dict[str, int]:
    """The files of a repository that a checkpoint consists of, with their sizes."""
    for index, single in WEIGHT_FILES:
        if index in sizes or single in sizes:
            suffix = Path(single).suffix
            return {
                name: size
                for name, size in sizes.items()
                if name in SMALL_FILES or name == index or (name.endswith(suffix) and "/" not in name)
            }
    return {name: size for name, size in sizes.items() if name in SMALL_FILES}


class _Received:
    """Adds up what arrives for all files."""

    def __init__(self, total: int, report: ReportProgress) -> None:
        self.done = 0
        self._total = total
        self._report = report

    def advance(self, count: int) -> None:
        self.done += count
        self._report(Progress("downloading", self.done, self._total))

    def bar_class(self) -> type:
        """A stand-in for tqdm's class, which huggingface_hub instantiates for each file."""
        received = self

        class Bar:
            total: float | None = None
            format_dict: dict[str, Any] = {}  # noqa: RUF012 - read only, as tqdm's

            def __init__(
                self, *_: object, initial: int = 0, total: float | None = None, **__: object
            ) -> None:
                self.total = total
                self.n: float = initial
                if initial:
                    received.advance(initial)

            def update(self, count: float | None = 1) -> None:
                self.n += count or 0
                received.advance(int(count or 0))

            def refresh(self) -> None: ...

            def close(self) -> None: ...

            def set_postfix_str(self, *_: object, **__: object) -> None: ...

            def __enter__(self) -> Self:
                return self

            def __exit__(self, *_: object) -> None: ...

        return Bar
