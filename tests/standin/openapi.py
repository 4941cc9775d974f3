"""Requests against Discord's own description of its API, where a file of it is at hand.

The environment variable DISCORD_OPENAPI names the file, OpenAPI 3.1 as Discord publishes it
(github.com/discord/discord-api-spec).
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

VARIABLE = "DISCORD_OPENAPI"
BASE = "urn:discord"
JSON, FORM = "application/json", "multipart/form-data"


@cache
def description() -> Description | None:
    """The description, read once for all tests of the process."""
    path = os.environ.get(VARIABLE)
    return Description(json.loads(Path(path).read_text(encoding="utf-8"))) if path else None


class Description:
    def __init__(self, document: dict[str, Any]) -> None:
        self._paths: dict[str, Any] = document["paths"]
        # Discord takes ids as numbers too ("ID Serialization" in its reference); discord.py sends them so.
        snowflake = document["components"]["schemas"]["SnowflakeType"]
        snowflake["type"] = ["string", "integer"]
        self._registry = Registry().with_resource(BASE, DRAFT202012.create_resource(document))
        # Literal segments come first: `@me` is no id.
        self._templates = [
            (re.compile(re.sub(r"\\\{.*?\\\}", "([^/]+)", re.escape(template))), template)
            for template in sorted(self._paths, key=lambda template: template.count("{"))
        ]
        self._validators: dict[str, Draft202012Validator] = {}

    def problems(
        self, method: str, path: str, query: dict[str, str], content_type: str, body: Any
    ) -> list[str]:
        """Sentences; `path` is what follows the version, `body` the JSON (of a form: its payload_json)."""
        found = next(
            (
                (match, template)
                for pattern, template in self._templates
                if (match := pattern.fullmatch(path))
            ),
            None,
        )
        operation = self._paths[found[1]].get(method.lower()) if found else None
        if found is None or operation is None:
            return [f"{method} {path}: Discord has no such request"]
        match, template = found
        given = {"path": dict(zip(re.findall(r"\{(.*?)\}", template), match.groups(), strict=True))}
        given["query"] = query
        sentences = self._parameters(template, method.lower(), given)
        sentences += self._body(template, method.lower(), operation, content_type, body)
        return [f"{method} {path}: {sentence}" for sentence in sentences]

    def _parameters(self, template: str, method: str, given: dict[str, dict[str, str]]) -> list[str]:
        described: dict[tuple[str, str], tuple[str, bool]] = {}
        for keys in (("parameters",), (method, "parameters")):
            parameters: Any = self._paths[template]
            for key in keys:
                parameters = parameters.get(key, {})
            for index, parameter in enumerate(parameters):
                where = "/".join((*keys, str(index), "schema"))
                described[parameter["in"], parameter["name"]] = where, parameter.get("required", False)
        sentences = []
        for place, values in given.items():
            for name, text in values.items():
                if (place, name) not in described:
                    sentences.append(f"{place} parameter {name} is unknown")
                    continue
                where = described[place, name][0]
                sentences += self._check(f"{place} parameter {name}", _readings(text), template, where)
        missing = [
            f"{place} parameter {name} is missing"
            for (place, name), (_, required) in described.items()
            if required and name not in given.get(place, {})
        ]
        return sentences + missing

    def _body(
        self, template: str, method: str, operation: dict[str, Any], content_type: str, body: Any
    ) -> list[str]:
        described = operation.get("requestBody")
        if described is None:
            return ["takes no body"] if body is not None else []
        if body is None:
            return ["needs a body"] if described.get("required") else []
        if content_type not in described["content"]:
            return [f"does not take {content_type}"]
        where = f"{method}/requestBody/content/{content_type.replace('/', '~1')}/schema"
        return self._check("body", [body], template, where)

    def _check(self, what: str, readings: list[Any], template: str, where: str) -> list[str]:
        """One of the readings must fit the schema that stands at `where` under the path."""
        pointer = f"{BASE}#/paths/{template.replace('~', '~0').replace('/', '~1')}/{where}"
        if pointer not in self._validators:
            self._validators[pointer] = Draft202012Validator({"$ref": pointer}, registry=self._registry)
        validator = self._validators[pointer]
        if any(validator.is_valid(reading) for reading in readings):
            return []
        error = best_match(validator.iter_errors(readings[0]))
        assert error is not None
        return [f"{what} at {error.json_path}: {error.message}"]


def _readings(text: str) -> list[Any]:
    """What a parameter's text may stand for; discord.py says 1 for true."""
    numbers = [int(text)] if text.isdecimal() else []
    truths = {"true": [True], "1": [True], "false": [False], "0": [False]}
    return [*numbers, text, *truths.get(text, [])]
