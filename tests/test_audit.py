from __future__ import annotations

import json

import pytest

from tests.audit import main

UNKNOWN = {"name": "own", "skip_reason": "Dependency not found"}


def answers(*packages: dict[str, object]) -> str:
    return json.dumps({"dependencies": list(packages), "fixes": []})


def test_what_is_known_to_be_vulnerable_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    vulnerable = {"name": "pillow", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
    fine = {"name": "aiohttp", "version": "3.0", "vulns": []}
    assert main(lambda _: (answers(vulnerable, fine, UNKNOWN), "")) == 1
    assert capsys.readouterr().out.splitlines() == [
        "pillow 1.0: PYSEC-1, fixed in 1.1",
        "Known vulnerabilities: 1, in 2 packages.",
        "Not audited: own.",
    ]
    assert main(lambda _: (answers(fine), "")) == 0


@pytest.mark.parametrize(
    ("output", "errors", "why"),
    [
        ("", "Traceback …\nConnectionError: no route", "ConnectionError: no route"),
        (answers(UNKNOWN), "", "knows none of the packages"),
        ("", "", "no answer"),
    ],
)
def test_that_nobody_could_be_asked_is_not_that_all_is_well(
    capsys: pytest.CaptureFixture[str], output: str, errors: str, why: str
) -> None:
    asked = []

    def ask(service: str) -> tuple[str, str]:
        asked.append(service)
        return output, errors

    assert main(ask) == 2
    assert asked == ["pypi", "osv"]
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("NOT AUDITED: ")
    assert line.endswith("run this where pypi.org or api.osv.dev can be reached.")
    assert why in line
