"""Nothing is written to a base that this deployment was not bound to.

A database restored from a backup, or copied for a trial, carries the tokens and the queue of the
original; without this it would set about "correcting" the real base. The identity of a deployment
is therefore made of things that a copy does not share: the cluster and the database inside
Postgres (`system_identifier`, the database's oid), and a random id kept beside the database in
VAR_DIR. Every process of one deployment must share VAR_DIR.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import connection
from django.utils import timezone

from sync.models import BaseBinding

T = TypeVar("T")

# Seconds: how old an operator's stop may be before it is heeded in the middle of a run.
REMEMBERED = 1.0


class NotBound(Exception):
    """This deployment may not write to the base. The message says why and what to do."""


class TablePaused(NotBound):
    """This one table is stopped by an operator."""


def is_configured() -> bool:
    """Whether there is a base to talk to at all."""
    return bool(settings.AIRTABLE_API_KEY and settings.AIRTABLE_BASE_ID)


def deployment_id() -> str:
    """Who we are; another value after a restore, a copy or a move to another database."""
    parts = [_installation_id(Path(settings.VAR_DIR)), *_database_identity()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _installation_id(var_dir: Path) -> str:
    path = var_dir / "deployment-id"
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    var_dir.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"deployment-id.{os.getpid()}.{uuid.uuid4().hex}")
    draft.write_text(f"{uuid.uuid4()}\n", encoding="ascii")
    try:
        os.link(draft, path)  # whoever comes second reads the first one's id
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text(encoding="ascii").strip()


def _database_identity() -> list[str]:
    """Which cluster, and which database in it: asked once of each connection, which cannot change them."""
    connection.ensure_connection()
    found = _identities.get(connection.connection)
    if found is None:
        found = _identities[connection.connection] = _ask_for_identity()
    return found


_identities: WeakKeyDictionary[Any, list[str]] = WeakKeyDictionary()


def _ask_for_identity() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT system_identifier FROM pg_control_system())::text, oid::text"
            " FROM pg_database WHERE datname = current_database()"
        )
        row = cursor.fetchone()
    return [str(value) for value in row or ()]


def is_loopback(url: str) -> bool:
    """Whether that address is on this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check(table: str = "") -> None:
    """Raise unless this deployment may write to the base, and to the table. Asked before each write.

    Raises:
        TablePaused: an operator has paused this table.
        NotBound: the deployment is not bound to the base, or an operator has paused all of it.
    """
    state = _state()
    if not state.is_bound and may_bind_itself():
        bind(by="first start")
        state = _state(fresh=True)
    if state.refusal:
        raise NotBound(state.refusal)
    if table in state.paused:
        raise TablePaused(f"{table} is paused by an operator.")


@contextmanager
def asked_once_a_second() -> Iterator[None]:
    """Let `check` believe inside what it knew up to a second ago. For who writes many times."""
    before = _known.set({})
    try:
        yield
    finally:
        _known.reset(before)


def monthly_requests() -> int | None:
    """What an operator allows to be asked of the base in a month; None for no limit."""
    return _state().monthly_requests


def remembered(what: str, read: Callable[[], T], *, fresh: bool = False) -> T:
    """What `read` says, or said less than a second ago where `asked_once_a_second` allows that."""
    known = _known.get()
    if known is None:
        return read()
    now = time.monotonic()
    at, value = known.get(what, (-REMEMBERED, None))
    if fresh or now - at >= REMEMBERED:
        value = read()
        known[what] = now, value
    found: T = value
    return found


_known: ContextVar[dict[str, tuple[float, Any]] | None] = ContextVar("guard", default=None)


# In one question, because it is asked every second in the middle of a run.
_ASK = """
SELECT binding.deployment_id, binding.paused, binding.monthly_requests,
       ARRAY(SELECT "table" FROM sync_tablestate WHERE paused)
FROM (SELECT %s AS base_id) AS base LEFT JOIN sync_basebinding AS binding USING (base_id)
"""


@dataclass(frozen=True)
class _State:
    """What operators have said of the base."""

    base_id: str
    deployment_id: str | None
    """Who is bound to it; None for nobody."""
    is_paused: bool
    monthly_requests: int | None
    paused: frozenset[str]
    ours: str

    @classmethod
    def read(cls) -> _State:
        base_id = str(settings.AIRTABLE_BASE_ID)
        with connection.cursor() as cursor:
            cursor.execute(_ASK, [base_id])
            bound, is_paused, requests, tables = cursor.fetchone()
        ours = deployment_id() if bound is not None else ""
        return cls(base_id, bound, bool(is_paused), requests, frozenset(tables), ours)

    @property
    def is_bound(self) -> bool:
        """Whether any deployment is."""
        return self.deployment_id is not None

    @property
    def refusal(self) -> str:
        """What stands in the way of writing anything."""
        if not self.is_bound:
            return (
                f"Nothing is written to {self.base_id}: this deployment is not bound to it. If this is "
                "the deployment that should write there, run: manage.py sync_bind --yes"
            )
        if self.deployment_id != self.ours:
            return (
                f"Nothing is written to {self.base_id}: this is another deployment, or a restored copy "
                "of the database, than the one that was bound to it. If it takes the other's place, "
                "run: manage.py sync_bind --yes"
            )
        return f"Traffic with {self.base_id} is paused by an operator." if self.is_paused else ""


def _state(*, fresh: bool = False) -> _State:
    return remembered("guard", _State.read, fresh=fresh)


def paused_tables() -> frozenset[str]:
    """The tables that an operator has stopped, by their Airtable names."""
    return _state().paused


def may_bind_itself() -> bool:
    """A base on this machine, met for the first time: no harm is possible."""
    return is_loopback(settings.AIRTABLE_API_URL) and not BaseBinding.objects.exists()


def bind(*, by: str) -> BaseBinding:
    """Make this deployment the one that writes to the base."""
    binding, _created = BaseBinding.objects.update_or_create(
        base_id=settings.AIRTABLE_BASE_ID,
        defaults={
            "deployment_id": deployment_id(),
            "bound_at": timezone.now(),
            "bound_by": by[:120],
        },
    )
    return binding
