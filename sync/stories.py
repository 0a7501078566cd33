"""Everything known about one record: how it stands on both sides, and what happened to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _

from sync.mappings import BY_SUBJECT, REGISTRY, Mapping
from sync.mappings.base import Authority
from sync.models import InboundChange, OutboxRow, RecordLink, SyncConflict, SyncEvent
from sync.records import local_values
from sync.wording import in_words

EVENTS_ON_A_PAGE: Final = 50
MOST_CONFLICTS: Final = 20
MOST_FOUND: Final = 20

DECIDES: Final = {
    Authority.AIRTABLE: "Airtable",
    Authority.PLATFORM: "Office Hours",
    Authority.SHARED: "The later edit",
}


@dataclass(frozen=True)
class Naming:
    """What people call an object, and by what they look for it."""

    with_related: tuple[str, ...]
    sought_by: tuple[str, ...]
    title: Callable[[Any], str] = str
    in_order: str = "pk"


_PERSON: Final = Naming(("user",), ("user__name", "user__email"))
_TOGETHER: Final = ("mentor__user", "mentee__user")
_BY_NAME: Final = ("mentor__user__name", "mentee__user__name")

NAMING: Final[dict[str, Naming]] = {
    "mentor": _PERSON,
    "mentee": _PERSON,
    "window": Naming(
        ("mentor__user",),
        ("mentor__user__name",),
        lambda window: f"{window.mentor.user}, {_when(window.starts_at)}",
        "-starts_at",
    ),
    "session": Naming(
        _TOGETHER,
        _BY_NAME,
        lambda one: f"{one.mentee.user} with {one.mentor.user}, {_when(one.starts_at)}",
        "-starts_at",
    ),
    "saved": Naming(_TOGETHER, _BY_NAME, lambda one: f"{one.mentee.user} saved {one.mentor.user}"),
    "template": Naming((), ("name",)),
    "prompt": Naming((), ("topic",)),
}
_PLAIN: Final = Naming((), ())


def _when(moment: datetime) -> str:
    return f"{moment:%d %b %Y %H:%M} UTC"


def _named(mapping: Mapping) -> models.QuerySet[Any]:
    """The objects, each with what its title is made of."""
    related = NAMING.get(mapping.subject, _PLAIN).with_related
    objects = mapping.objects()
    return objects.select_related(*related) if related else objects


def title_of(subject: str, found: models.Model) -> str:
    """What people call it."""
    return NAMING.get(subject, _PLAIN).title(found)


@dataclass(frozen=True)
class FieldStory:
    """One field on both sides."""

    name: str
    here: Any
    there: Any
    """As last known."""
    decides: str
    differs: bool
    rides: bool
    """Sent along with other changes, never a reason to send: a difference means nothing."""


@dataclass(frozen=True)
class Story:
    """One object, or record, and everything about it."""

    mapping: Mapping
    object_id: UUID
    title: str
    found: models.Model | None
    link: RecordLink | None
    row: OutboxRow | None
    fields: tuple[FieldStory, ...]
    missing: tuple[tuple[str, UUID], ...]
    """What it links to and Airtable does not have yet."""
    conflicts: list[SyncConflict]
    hints: list[InboundChange]
    """Wishes to read the record again."""
    events: list[SyncEvent] = field(default_factory=list)
    has_older: bool = False

    @property
    def differing(self) -> list[str]:
        """The fields in which the sides differ, as far as is known."""
        return [one.name for one in self.fields if one.differs and not one.rides]

    @property
    def state(self) -> tuple[str, str]:
        """How it stands: a word for the eye (success, info, warning, danger) and a sentence."""
        return _state_of_row(self) or _state_of_link(self)


def of(*, subject: str, object_id: UUID, before: int | None = None) -> Story | None:
    """Everything about one object; None if nothing at all is known of it.

    Args:
        before: show events older than this one.
    """
    mapping = BY_SUBJECT[subject]
    found = _named(mapping).filter(pk=object_id).first()
    link = RecordLink.objects.filter(subject=subject, object_id=object_id).first()
    events = list(_events(subject, object_id, link, before)[: EVENTS_ON_A_PAGE + 1])
    if found is None and link is None and not events:
        return None
    fields, missing = _fields(mapping, found, link)
    return Story(
        mapping=mapping,
        object_id=object_id,
        title=_title(mapping, found, link),
        found=found,
        link=link,
        row=OutboxRow.objects.filter(subject=subject, object_id=object_id).first(),
        fields=fields,
        missing=missing,
        conflicts=list(
            SyncConflict.objects.filter(subject=subject, object_id=object_id).order_by(
                "-at", "-id"
            )[:MOST_CONFLICTS]
        ),
        hints=_hints(link),
        events=events[:EVENTS_ON_A_PAGE],
        has_older=len(events) > EVENTS_ON_A_PAGE,
    )


def _events(
    subject: str, object_id: UUID, link: RecordLink | None, before: int | None
) -> models.QuerySet[SyncEvent]:
    """Also those of the record from before it stood for this object."""
    mine = Q(subject=subject, object_id=object_id)
    if link is not None:
        mine |= Q(record_id=link.record_id, subject=subject)
    events = SyncEvent.objects.filter(mine)
    if before is not None:
        events = events.filter(pk__lt=before)
    return events.order_by("-pk")


def _fields(
    mapping: Mapping, found: models.Model | None, link: RecordLink | None
) -> tuple[tuple[FieldStory, ...], tuple[tuple[str, UUID], ...]]:
    local = local_values(mapping, found) if found is not None else None
    here = local.values if local is not None else {}
    there = link.ancestor if link is not None else {}
    both = local is not None and link is not None and link.state == RecordLink.State.LINKED
    fields = tuple(
        FieldStory(
            name=one.name,
            here=here.get(one.name),
            there=there.get(one.name, one.codec.empty),
            decides=DECIDES[one.authority],
            differs=both
            and one.name in here
            and here[one.name] != there.get(one.name, one.codec.empty),
            rides=one.rides,
        )
        for one in mapping.fields
    )
    return fields, local.missing if local is not None else ()


def _hints(link: RecordLink | None) -> list[InboundChange]:
    if link is None:
        return []
    return list(
        InboundChange.objects.filter(
            webhook__in=(InboundChange.AGAIN, InboundChange.AUTOMATION),
            applied_at=None,
            payload__recordId=link.record_id,
        ).order_by("received_at")[:10]
    )


def _title(mapping: Mapping, found: models.Model | None, link: RecordLink | None) -> str:
    if found is not None:
        return title_of(mapping.subject, found)
    return _title_there(mapping, link) if link is not None else _row_of(mapping)


def _state_of_row(story: Story) -> tuple[str, str] | None:
    row = story.row
    if row is None:
        return None
    if row.status == OutboxRow.Status.DEAD:
        return "danger", _("Airtable refused it: %(why)s") % {"why": row.last_error}
    if story.missing:
        subjects = ", ".join(BY_SUBJECT[subject].table for subject, _ in story.missing)
        said = _("It waits for its record in %(tables)s, which it links to.")
        return "warning", said % {"tables": subjects}
    if row.attempts and row.last_error:
        return "warning", _("It could not be sent yet: %(why)s") % {"why": row.last_error}
    return "info", _("It is on its way to Airtable.")


def _state_of_link(story: Story) -> tuple[str, str]:
    link = story.link
    if link is None:
        return "warning", _("Airtable has no record of it.")
    if link.state == RecordLink.State.WAITING:
        why = link.message or _("no reason is known")
        return "warning", _("It is in Airtable and not accepted here: %(why)s") % {"why": why}
    if link.state == RecordLink.State.TOMBSTONE:
        return "default", _("Its row was deleted in Airtable.")
    if link.state == RecordLink.State.DELETED_REMOTE:
        return "default", _("Its row was removed from Airtable by Office Hours.")
    if story.found is None:
        return "warning", _("It is gone here, and its row is still in Airtable.")
    if story.differing:
        said = _("%(fields)s differ, and nobody is sending it. Compare it with Airtable.")
        return "warning", said % {"fields": ", ".join(story.differing)}
    return "success", _("Both sides are the same.")


def titles(pairs: Iterable[tuple[str, UUID | None]]) -> dict[tuple[str, UUID], str]:
    """What objects are called: one query for each kind among them, and one for those that are not here."""
    ids: dict[str, set[UUID]] = {}
    for subject, object_id in pairs:
        if object_id is not None and subject in BY_SUBJECT:
            ids.setdefault(subject, set()).add(object_id)
    named = {
        (subject, found.pk): title_of(subject, found)
        for subject, wanted in ids.items()
        for found in _named(BY_SUBJECT[subject]).filter(pk__in=wanted)
    }
    return named | _titles_there(
        {(s, id_) for s, some in ids.items() for id_ in some} - named.keys()
    )


def _titles_there(pairs: set[tuple[str, UUID]]) -> dict[tuple[str, UUID], str]:
    """Of what is not here (yet, or any more): as its row in Airtable calls it."""
    if not pairs:
        return {}
    links = RecordLink.objects.filter(object_id__in=[object_id for _, object_id in pairs])
    return {
        (link.subject, link.object_id): _title_there(BY_SUBJECT[link.subject], link)
        for link in links
        if (link.subject, link.object_id) in pairs
    }


def _title_there(mapping: Mapping, link: RecordLink) -> str:
    for name in (mapping.primary, "Email", "Starts"):
        value = link.ancestor.get(name) if name in mapping.by_name else None
        if isinstance(value, str) and value:
            return value if name != "Starts" else f"{_row_of(mapping)}: {in_words(value)}"
    return _row_of(mapping)


def _row_of(mapping: Mapping) -> str:
    return _("A row of %(table)s") % {"table": mapping.table}


@dataclass(frozen=True)
class Hit:
    """Something that was looked for."""

    subject: str
    object_id: UUID
    title: str
    table: str


def find(text: str) -> list[Hit]:
    """Objects by a name, an e-mail address, our id, or Airtable's record id."""
    wanted = text.strip()
    if not wanted:
        return []
    if (by_id := _uuid(wanted)) is not None or wanted.startswith("rec"):
        known = Q(object_id=by_id) if by_id is not None else Q(record_id=wanted)
        pairs = _pairs(known)
        if pairs or by_id is not None:
            return _hits(pairs) or _by_key(by_id)
    return _by_name(wanted)


def _pairs(known: Q) -> list[tuple[str, UUID]]:
    """Of links first, then of what happened: a link may be gone by now."""
    linked = RecordLink.objects.filter(known).values_list("subject", "object_id")
    happened = SyncEvent.objects.filter(known, object_id__isnull=False)
    told = happened.order_by("-pk").values_list("subject", "object_id")[:MOST_FOUND]
    both = [*linked[:MOST_FOUND], *told]
    return [(s, i) for s, i in dict.fromkeys(both) if s in BY_SUBJECT and i is not None]


def _hits(pairs: list[tuple[str, UUID]]) -> list[Hit]:
    named = titles(pairs)
    return [
        Hit(
            subject,
            object_id,
            named.get((subject, object_id), _("Gone here")),
            BY_SUBJECT[subject].table,
        )
        for subject, object_id in pairs
    ]


def _by_key(object_id: UUID | None) -> list[Hit]:
    return [
        _hit(mapping, found)
        for mapping in REGISTRY
        for found in _named(mapping).filter(pk=object_id)
    ]


def _by_name(text: str) -> list[Hit]:
    hits: list[Hit] = []
    for mapping in REGISTRY:
        naming = NAMING.get(mapping.subject, _PLAIN)
        names = naming.sought_by
        if names and len(hits) < MOST_FOUND:
            matching = Q()
            for name in names:
                matching |= Q(**{f"{name}__icontains": text})
            rows = _named(mapping).filter(matching).order_by(naming.in_order, "pk")
            hits += [_hit(mapping, row) for row in rows[: MOST_FOUND - len(hits)]]
    return hits


def _hit(mapping: Mapping, found: models.Model) -> Hit:
    return Hit(mapping.subject, found.pk, title_of(mapping.subject, found), mapping.table)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
