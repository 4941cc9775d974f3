"""Asks whether the pinned packages have known vulnerabilities: `make audit` runs this with pip-audit at hand.

It ends with 0 if none is known, with 1 if some are, and with 2 if nobody could be asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
SERVICES = ("pypi", "osv")
"""Each is asked if the one before does not know the packages."""
TIMEOUT_S = 120


def main(ask: Callable[[str], tuple[str, str]] | None = None) -> int:
    why = ""
    for service in SERVICES:
        output, errors = (ask or _ask)(service)
        try:
            packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
        except (ValueError, KeyError):
            why = (errors.strip().splitlines() or ["no answer"])[-1]
            why = why if len(why) <= 100 else f"{why[:100]} …"
            continue
        known = [package for package in packages if "vulns" in package]
        if not known:
            why = f"{service} knows none of the packages, perhaps as it is a mirror"
            continue
        return _told(known, [package["name"] for package in packages if "vulns" not in package])
    print(
        f"NOT AUDITED: nobody answered who knows vulnerabilities ({why}): "
        "run this where pypi.org or api.osv.dev can be reached."
    )
    return 2


def _told(known: Sequence[dict[str, Any]], unknown: Sequence[str]) -> int:
    found = [(package, each) for package in known for each in package["vulns"]]
    for package, each in found:
        fixed = ", ".join(each.get("fix_versions", [])) or "nowhere yet"
        print(f"{package['name']} {package['version']}: {each['id']}, fixed in {fixed}")
    print(f"Known vulnerabilities: {len(found)}, in {len(known)} packages.")
    if unknown:
        print(f"Not audited: {', '.join(unknown)}.")
    return 1 if found else 0


def _ask(service: str) -> tuple[str, str]:
    options = (
        "--no-deps",
        "--disable-pip",
        "--format",
        "json",
        "--progress-spinner",
        "off",
        "--timeout",
        "10",
    )
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", service, *options]
    try:
        done = subprocess.run(
            [*command, "--requirement", str(CONSTRAINTS)],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "", f"{service} did not answer within {TIMEOUT_S} s"
    return done.stdout, done.stderr


if __name__ == "__main__":
    sys.exit(main())
