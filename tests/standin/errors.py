"""Discord's refusals, with its codes for them."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    def __init__(self, status: int, code: int, message: str, errors: dict[str, Any] | None = None) -> None:
        super().__init__(f"{status} ({code}): {message}")
        self.status = status
        self.body: dict[str, Any] = {"message": message, "code": code}
        if errors is not None:
            self.body["errors"] = errors


def unknown(what: str) -> ApiError:
    code = {"channel": 10003, "guild": 10004, "message": 10008, "user": 10013, "interaction": 10062}[what]
    return ApiError(404, code, f"Unknown {what.capitalize()}")


def invalid(field: str, code: str, message: str) -> ApiError:
    return ApiError(
        400, 50035, "Invalid Form Body", {field: {"_errors": [{"code": code, "message": message}]}}
    )


MISSING_ACCESS = (403, 50001, "Missing Access")
MISSING_PERMISSIONS = (403, 50013, "Missing Permissions")
EMPTY_MESSAGE = (400, 50006, "Cannot send an empty message")
NOT_THE_AUTHOR = (403, 50005, "Cannot edit a message authored by another user")
NO_HISTORY_FOR_REPLY = (400, 160002, "Cannot reply without permission to read message history")
THREAD_EXISTS = (400, 160004, "A thread has already been created for this message")
WRONG_CHANNEL_TYPE = (400, 50024, "Cannot execute action on this channel type")
THREAD_ARCHIVED = (400, 50083, "Thread is archived")
ALREADY_ACKNOWLEDGED = (400, 40060, "Interaction has already been acknowledged.")
