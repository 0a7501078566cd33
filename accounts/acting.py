"""Who is at work, and from where: told to the database with each write that it keeps a record of.

Known to the process (a request, a task, a command) and passed on only when something is written that is
audited, in the very statement that writes it: reading costs nothing, and writing no round trip more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper

# What the triggers read (accounts/audit.py): person|address|origin, for this transaction.
VARIABLE: Final = "office_hours.acting"
_WRITE: Final = re.compile(r'\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)', re.IGNORECASE)


class Acting(NamedTuple):
    """Somebody or something at work: the page, task or command it comes from; the person's id, and the
    network address that a request came from, as far as they are known."""

    origin: str
    person: str = ""
    address: str = ""

    def __str__(self) -> str:
        parts = (self.person, self.address[:64], self.origin[:200])
        return "|".join(part.replace("|", " ").replace("\0", "") for part in parts)


# Asked at each write, because who makes a request may turn out late. It must not ask the database.
Teller = Callable[[], Acting]
_now: ContextVar[Teller | None] = ContextVar("acting", default=None)


def begin(teller: Teller) -> Token[Teller | None]:
    """From here on everything that is written is theirs, until `end`."""
    return _now.set(teller)


def end(token: Token[Teller | None]) -> None:
    """It is whose it was before."""
    _now.reset(token)


def end_all() -> None:
    """It is nobody's, whoever began."""
    _now.set(None)


@contextmanager
def through(origin: str) -> Iterator[None]:
    """Within this, what is written comes from there, and nobody of ours sits before it."""
    token = begin(lambda: Acting(origin))
    try:
        yield
    finally:
        end(token)


@contextmanager
def as_person(user_id: object) -> Iterator[None]:
    """Within this, it is that person who acts, though they did not sign in: by a link in a mail."""
    before = _now.get()
    token = begin(lambda: (before() if before else Acting(""))._replace(person=str(user_id)))
    try:
        yield
    finally:
        end(token)


def install(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Put `tell` around what this connection executes; it may be called again."""
    if connection.vendor == "postgresql" and tell not in connection.execute_wrappers:
        connection.execute_wrappers.append(tell)


def tell(
    execute: Callable[..., Any],
    sql: Any,
    params: Any,
    many: bool,  # noqa: FBT001  Django's signature
    context: dict[str, Any],
) -> Any:
    """Execute a statement, and if it writes what is audited, say in the same breath whose it is.

    Said for this transaction alone, and each time: after a rollback to a savepoint it would be forgotten.
    """
    teller = _now.get()
    if teller is None or many or not isinstance(sql, str) or not _is_audited(sql):
        return execute(sql, params, many, context)
    said = str(teller()).replace("'", "''")
    if params is not None:
        said = said.replace("%", "%%")
    execute(f"SELECT set_config('{VARIABLE}', '{said}', true); {sql}", params, many, context)
    # The cursor stands at the answer to the first of the two.
    context["cursor"].cursor.nextset()
    return None


@lru_cache(maxsize=512)  # looking through a long statement takes as long as sending it
def _is_audited(sql: str) -> bool:
    found = _WRITE.match(sql)
    if found is not None:
        return found[1] in tables()
    # Plain SQL may write further down: WITH … UPDATE.
    return sql.lstrip()[:4].upper() == "WITH" and _writes_below().search(sql) is not None


@cache
def tables() -> frozenset[str]:
    """The tables of which a record is kept."""
    return frozenset(
        model._meta.db_table
        for model in apps.get_models()
        for trigger in getattr(model._meta, "triggers", ())
        if getattr(trigger, "is_audit", False)
    )


@cache
def _writes_below() -> re.Pattern[str]:
    names = "|".join(sorted(tables()))
    return re.compile(rf'\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(?:{names})\b', re.IGNORECASE)
