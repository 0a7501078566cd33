"""Refusals: what could not be done, why, and what to do next.

Every rule that says no raises a `Refusal`. Pages show its sentence, the API its code and sentence;
nothing else may be shown to a person. The HTTP status of a code is the API's business
(`accounts/http.py`), because a service does not know the web.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _


class Refusal(Exception):
    """Something a person asked for and the rules refuse.

    `code` is for programs and never changes; `str(refusal)` is a sentence for people; `extra` is
    what helps them on (alternatives, conflicts) and goes into the answer beside the code.
    """

    code = "invalid"

    def __init__(self, sentence: str, **extra: Any) -> None:
        super().__init__(sentence)
        self.extra: Mapping[str, Any] = extra


class NotFound(Refusal):
    """It does not exist, or it is not yours: a stranger is not told which."""

    code = "not_found"

    def __init__(self, sentence: str = "") -> None:
        super().__init__(sentence or _("There is nothing here, or it is not yours to see."))


class NotAllowed(Refusal):
    code = "permission_denied"


class Invalid(Refusal):
    """The input is of the wrong shape. `fields` names each field with its sentences."""

    code = "invalid"

    def __init__(self, sentence: str, *, fields: Mapping[str, list[str]] | None = None) -> None:
        super().__init__(sentence, **({"fields": fields} if fields else {}))


class InvalidCredentials(Refusal):
    """The same for an unknown address, a wrong password and a person who may not sign in."""

    code = "invalid_credentials"

    def __init__(self, sentence: str = "") -> None:
        super().__init__(
            sentence or _("The e-mail address, the password or the code is not right.")
        )


class SecondFactorRequired(Refusal):
    code = "second_factor_required"


class Throttled(Refusal):
    """Too often; `wait` says for how many seconds."""

    code = "throttled"

    def __init__(self, sentence: str, *, wait: int) -> None:
        super().__init__(sentence)
        self.wait = wait


class IdempotencyKeyReused(Refusal):
    code = "idempotency_key_reused"
