"""What can go wrong with Airtable, sorted by what to do about it."""

from __future__ import annotations


class AirtableError(Exception):
    """Any failure of a request. The text never holds the token."""

    kind = "error"


class Transient(AirtableError):
    """Not done, and it may work later."""

    kind = "transient"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OverBudget(Transient):
    """Not asked, because the month's requests are kept for others."""

    kind = "quota"


class Ambiguous(AirtableError):
    """It may have been done: the request went out and no answer came."""

    kind = "ambiguous"


class Permanent(AirtableError):
    """Refused for what it says; sending it again changes nothing."""

    kind = "permanent"

    def __init__(self, type_: str, message: str, *, status: int = 422) -> None:
        super().__init__(f"{type_}: {message}" if message else type_)
        self.type = type_
        self.status = status


class Gone(Permanent):
    """The record or webhook asked for does not exist, or is not ours to see."""

    kind = "gone"


class SchemaDrift(AirtableError):
    """A field is not there any more under the name we know."""

    kind = "schema"


class AuthOrQuota(AirtableError):
    """The key is refused or the month's calls are spent: nothing will work until somebody acts."""

    kind = "auth"
