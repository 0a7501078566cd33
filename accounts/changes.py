"""Reading who changed what, in the words of people, and forgetting it again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.apps import apps
from django.db import connection, models
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from accounts import selectors
from accounts.dates import date_format
from accounts.models import AuditEntry

# A longer text is cut: a history is skimmed, and the row itself has the whole of what is now.
LONGEST: Final = 300
_AHEAD: Final = 40
# Of one sweep of what is too old; what is left goes with the next.
_AT_ONCE: Final = 20_000
# A row: the model's label and its key.
Key = tuple[str, Any]
Names = Mapping[tuple[type[models.Model], str], str]


@dataclass(frozen=True)
class Step:
    """One field's way from one value to another."""

    label: str
    before: str
    after: str
    is_hidden: bool = False

    @property
    def is_small(self) -> bool:
        """Whether nothing of it can be seen: blanks, line breaks, parts of a minute."""
        return not self.is_hidden and self.before == self.after


@dataclass(frozen=True)
class Change:
    """An entry as a person reads it."""

    entry: AuditEntry
    who: str
    where: str
    what: str
    """Which kind of row."""
    steps: Sequence[Step]


def key_of(row: models.Model) -> Key:
    """The row as its entries name it."""
    concrete = row._meta.concrete_model
    assert concrete is not None
    return concrete._meta.label_lower, row.pk


def entries_of(row: models.Model, also: Iterable[Key] = ()) -> QuerySet[AuditEntry]:
    """What changed in a row and in those that are shown on its page, the latest first.

    Args:
        also: other rows that belong to it, as a mentor's person.
    """
    wanted = Q(about=str(row.pk))
    for subject, key in (key_of(row), *also):
        wanted |= Q(subject=subject, object_id=str(key))
    return AuditEntry.objects.filter(wanted).select_related("actor").order_by("-id")


def as_read(entries: Sequence[AuditEntry]) -> list[Change]:
    """Entries in words. One query for each kind of row that they point to."""
    return _read(entries, _names(entries))


def as_read_without_names(entries: Sequence[AuditEntry]) -> list[Change]:
    """The same where nobody looks at the values: rows that they point to are named by their keys."""
    return _read(entries, {})


def _read(entries: Sequence[AuditEntry], names: Names) -> list[Change]:
    return [
        Change(
            entry=entry,
            who=str(entry.actor) if entry.actor else "",
            where=where_of(entry.origin),
            what=_kind(entry.subject),
            steps=_steps(entry, names),
        )
        for entry in entries
    ]


def where_of(origin: str) -> str:
    """Where a change came from, in words."""
    method, _blank, rest = origin.partition(" ")
    if rest.startswith("/"):
        return _page(rest)
    if method in ("task", "command"):
        return {"task": _("By itself: %s"), "command": _("Command: %s")}[method] % rest
    if origin.startswith("database user"):
        return _("Directly in the database, as %s") % origin.rpartition(" ")[2]
    return origin


def _page(route: str) -> str:
    if route.startswith("/admin/"):
        return _("Console")
    if route.startswith("/api/"):
        return _("API")
    return _("Link in a mail") if route.startswith("/l/") else _("Web page")


def _model(subject: str) -> type[models.Model] | None:
    try:
        return apps.get_model(subject)
    except LookupError:  # a table of before
        return None


def _kind(subject: str) -> str:
    model = _model(subject)
    return capfirst(str(model._meta.verbose_name)) if model else subject


def _fields(subject: str) -> Mapping[str, models.Field[Any, Any]]:
    model = _model(subject)
    return {str(field.column): field for field in model._meta.concrete_fields} if model else {}


def _names(entries: Sequence[AuditEntry]) -> Names:
    """What the rows that foreign keys point to are called."""
    wanted: defaultdict[type[models.Model], set[str]] = defaultdict(set)
    for entry in entries:
        fields = _fields(entry.subject)
        for column, values in entry.changes.items():
            field = fields.get(column)
            if field is not None and isinstance(field.related_model, type) and values:
                wanted[field.related_model].update(str(value) for value in values if value)
    names: dict[tuple[type[models.Model], str], str] = {}
    for model, keys in wanted.items():
        rows = model._default_manager.filter(pk__in=keys)
        if any(field.name == "user" for field in model._meta.concrete_fields):
            rows = rows.select_related("user")  # a mentor is called by their person's name
        names.update({(model, str(row.pk)): str(row) for row in rows})
    return names


def _steps(entry: AuditEntry, names: Names) -> list[Step]:
    fields = _fields(entry.subject)
    steps = []
    for column, values in sorted(entry.changes.items()):
        field = fields.get(column)
        label = capfirst(str(field.verbose_name)) if field is not None else column
        if values is None:
            steps.append(Step(label, "", "", is_hidden=True))
        else:
            before, after = (_value(field, value, names) for value in values)
            steps.append(Step(label, *_cut(before, after)))
    return steps


def _value(
    field: models.Field[Any, Any] | None,
    value: Any,
    names: Names,
) -> str:
    if value in (None, "", []):
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if field is not None and isinstance(field.related_model, type):
        return names.get((field.related_model, str(value)), str(value))
    if isinstance(field, models.DateTimeField):
        return _moment(str(value))
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    choices = dict(getattr(field, "flatchoices", None) or ())
    return " ".join(str(choices.get(value, value)).split())


def _cut(before: str, after: str) -> tuple[str, str]:
    """Long texts from a little before where they part."""
    if max(len(before), len(after)) <= LONGEST or before == after:
        return _short(before), _short(after)
    same = next(
        (place for place, (a, b) in enumerate(zip(before, after, strict=False)) if a != b),
        min(len(before), len(after)),
    )
    start = max(0, same - _AHEAD)
    ahead = "…" if start else ""
    return ahead + _short(before[start:]), ahead + _short(after[start:])


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _moment(text: str) -> str:
    moment = parse_datetime(text)
    if moment is None:
        return text
    return date_format(timezone.localtime(moment), "j M Y, H:i")


# -- Forgetting --------------------------------------------------------------------------------
def forget_old(*, now: datetime) -> int:
    """Delete what is older than the program keeps it; how many were. The oldest first, some at a time."""
    limit = _months_before(now, selectors.program().audit_months)
    oldest = AuditEntry.objects.filter(at__lt=limit).order_by("id").values("pk")[:_AT_ONCE]
    return AuditEntry.objects.filter(pk__in=oldest).delete()[0]


def _months_before(now: datetime, months: int) -> datetime:
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    last = (date(year + month // 11, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return now.replace(year=year, month=month + 1, day=min(now.day, last))


def forget_person(*, user_id: Any, rows: Iterable[Any]) -> None:
    """Take an erased person out of the history: what their rows held, and that it was they who acted.

    Args:
        rows: the keys of everything that was theirs, whatever its table: keys are unique over all of them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_auditentry SET changes = (SELECT coalesce(jsonb_object_agg(key, NULL), '{}')"
            " FROM jsonb_object_keys(changes) AS key) WHERE object_id = ANY(%s) AND changes <> '{}'",
            [[str(key) for key in rows]],
        )
    AuditEntry.objects.filter(actor_id=user_id).update(actor=None, address="")
