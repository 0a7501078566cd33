"""Rows of models made of values at hand: without a query, and without __init__, which takes longer than
all else that is done with a mentor in a list. What was not read is deferred, as `only` does it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model, QuerySet
from django.db.models.base import ModelState

from accounts.models import User
from mentors.models import Expertise, Mentor

M = TypeVar("M", bound=Model)

# How somebody signs in has no business in a list, and nothing there is said of these moments.
_NEVER_LISTED: Final = {
    "password", "last_login", "last_seen_at", "sign_in_epoch", "photo_source", "consent_at", "updated_at",
}  # fmt: skip

LISTED: Final[dict[type[Model], list[str]]] = {
    model: [
        field.attname for field in model._meta.concrete_fields if field.attname not in _NEVER_LISTED
    ]
    for model in (Mentor, User, Expertise)
}


def row(model: type[M], values: Mapping[str, Any]) -> M:
    """A row with these values, as unpickling makes it."""
    made = model.__new__(model)
    made.__dict__.update(values, _state=ModelState())
    made._state.adding, made._state.db = False, DEFAULT_DB_ALIAS
    made._state.fields_cache = {}
    return made


def mentor_of(
    mentor: Mapping[str, Any], user: Mapping[str, Any], skills: Sequence[Mapping[str, Any]]
) -> Mentor:
    """A mentor whose account and expertise are known."""
    made = row(Mentor, mentor)
    made._state.fields_cache["user"] = row(User, user)
    know(made, [row(Expertise, skill) for skill in skills])
    return made


def know(mentor: Mentor, skills: list[Expertise]) -> None:
    """Let the mentor's expertise be known without a query, as prefetch_related does."""
    known: Any = QuerySet(Expertise)
    # As the manager of a mentor's expertise narrows it: not before somebody asks for some of it.
    known._deferred_filter = (False, (), {"mentor": mentor})
    known._result_cache, known._prefetch_done = skills, True
    mentor.__dict__["_prefetched_objects_cache"] = {"expertise": known}
