"""Downloading from a stand-in for the hub on this machine."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlparse

import pytest
from huggingface_hub import constants

from inference.errors import CheckpointError
from inference.hub import _unavailable, fetch_checkpoint
from inference.loading import load_checkpoint
from inference.progress import Progress

COMMIT = "0123456789012345678901234567890123456789"
FILES = {
    "config.json": b"{}",
    "preprocessor_config.json": b"{ }",
    "tokenizer.json": b"a tokenizer",
    "model.safetensors.index.json": b"an index",
    "model-00001-of-00002.safetensors": b"1" * 50_000,
    "model-00002-of-00002.safetensors": b"2" * 30_000,
    "pytorch_model.bin": b"the same once more",
    "README.md": b"words",
    "onnx/model.safetensors": b"something else",
}
NEEDED = {name for name in FILES if name.split(".")[0] not in ("pytorch_model", "README", "onnx/model")}


class Hub(ThreadingHTTPServer):
    """Serves one repository, `people/model`, the way the hub does."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sent: list[str] = []
        self.refusal: tuple[int, dict[str, str]] | None = None
        """The status and headers of every answer, if it serves nothing."""


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, *_: object) -> None: ...

    def _answer(self, *, with_body: bool) -> None:
        path = urlparse(self.path).path
        if self.server.refusal is not None:
            status, headers = self.server.refusal
            self.send_response(status)
            for name, value in (headers | {"Content-Length": "0"}).items():
                self.send_header(name, value)
            self.end_headers()
            return
        if path.startswith("/api/models/people/model"):
            siblings = [{"rfilename": name, "size": len(content)} for name, content in FILES.items()]
            self._send(json.dumps({"id": "people/model", "sha": COMMIT, "siblings": siblings}).encode(), True)
            return
        name = path.removeprefix("/people/model/resolve/main/").removeprefix(
            f"/people/model/resolve/{COMMIT}/"
        )
        if name not in FILES:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if with_body:
            self.server.sent.append(name)
        self._send(FILES[name], with_body)

    def _send(self, content: bytes, with_body: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if with_body:
            self.wfile.write(content)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    point_at(monkeypatch, f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def point_at(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def test_what_is_needed_is_fetched_once_and_reported(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    reports: list[Progress] = []
    folder = fetch_checkpoint("people/model", reports.append)
    assert {path.name for path in folder.iterdir()} == NEEDED
    assert all((folder / name).read_bytes() == FILES[name] for name in NEEDED)
    assert sorted(hub.sent) == sorted(NEEDED)
    total = sum(len(FILES[name]) for name in NEEDED)
    done = [report.done_bytes for report in reports]
    assert done == sorted(done)
    assert reports[-1] == Progress("downloading", total, total)
    assert len(set(done)) >= len(NEEDED)

    assert fetch_checkpoint("people/model", reports.append) == folder
    assert len(hub.sent) == len(NEEDED)
    assert reports[-1] == Progress("downloading", total, total)

    point_at(monkeypatch, "http://127.0.0.1:9")
    assert fetch_checkpoint("people/model", reports.append) == folder


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("name", ["people/unknown", "unknown"])
def test_a_checkpoint_that_the_hub_does_not_have(name: str) -> None:
    with pytest.raises(CheckpointError, match=f"no folder '{name}' here and no checkpoint of that name"):
        load_checkpoint(name)


@pytest.mark.parametrize("name", ["not a name", "a/b/c", "-x"])
def test_a_name_that_cannot_be(name: str) -> None:
    with pytest.raises(CheckpointError, match="neither a folder here nor"):
        load_checkpoint(name)


@pytest.mark.usefixtures("hub")
def test_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    point_at(monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(CheckpointError, match="hub cannot be reached"):
        load_checkpoint("people/model")


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (401, {"X-Error-Code": "GatedRepo"}, "only to people who asked for access"),
        (403, {"X-Error-Code": "GatedRepo"}, "only to people who asked for access"),
        (401, {"X-Error-Code": "RepoNotFound"}, "no checkpoint of that name on the hub"),
        (403, {}, "refuses 'people/model' to this account"),
        (418, {}, "HTTP status 418"),
    ],
)
def test_each_refusal_of_the_hub_has_its_sentence(
    hub: Hub, status: int, headers: dict[str, str], words: str
) -> None:
    hub.refusal = status, headers
    with pytest.raises(CheckpointError, match=words) as caught:
        load_checkpoint("people/model")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("status", [429, 500])
def test_a_hub_in_trouble_is_not_one_out_of_reach(status: int) -> None:
    """The hub's library asks again after such answers, and takes its time, so they are only worded here."""
    sentence = _unavailable("people/model", status)
    assert "cannot be reached" not in sentence
    assert "minutes" in sentence if status == 429 else "HTTP status 500" in sentence


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EACCES])
def test_a_disk_without_room_is_named(reason: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    with pytest.raises(CheckpointError, match=rf"cannot be kept in .*{os.strerror(reason)}"):
        load_checkpoint("people/model")


@pytest.mark.usefixtures("hub")
def test_a_cache_that_may_only_be_read_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fetch_checkpoint("people/model", lambda _: None)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    assert fetch_checkpoint("people/model", lambda _: None) == folder


@pytest.mark.usefixtures("hub")
def test_what_the_callback_raises_ends_the_download() -> None:
    def stop(_: Progress) -> None:
        raise CheckpointError("enough")

    with pytest.raises(CheckpointError, match="enough"):
        fetch_checkpoint("people/model", stop)
