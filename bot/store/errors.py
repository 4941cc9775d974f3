"""What a person can mend about the database."""

from __future__ import annotations


class StoreError(Exception):
    """The database cannot be used; the message is one sentence that says what to do."""
