"""The engine in numbers: what the console, `sync_status` and Prometheus show, counted once.

Read in three queries, whatever the size of the queues: it is asked every few seconds.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Count, Min, Q, QuerySet, Value
from django.utils.translation import gettext as _

from sync import addresses, guard, limiter, meter
from sync.at_once import Question, ask
from sync.beginnings import going_since
from sync.known_base import BaseField
from sync.mappings import REGISTRY
from sync.models import (
    InboundChange,
    OutboxRow,
    RecordLink,
    SyncConflict,
    SyncEvent,
    TableState,
    WebhookRegistration,
)

HOUR: Final = timedelta(hours=1)
# Short enough that a bulk change is forgotten soon after its end.
LATELY: Final = timedelta(minutes=15)
DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
DIRECTIONS: Final = ("out", "in", "both")

# Per direction and for both together, lately and of the last day.
_LAG: Final = """
SELECT coalesce(direction, 'both') AS way,
    count(*) FILTER (WHERE at >= %s) AS recent, count(*),
    percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY seconds)
        FILTER (WHERE at >= %s) AS of_late,
    percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY seconds) AS of_day
FROM sync_synclag WHERE at >= %s
    AND (direction <> 'out' OR at - make_interval(secs => seconds) >= %s)
GROUP BY GROUPING SETS ((direction), ())
"""


# From the row in Airtable to a possible sign-in. Who was there at the first load waited for nobody.
_SIGN_IN: Final = """
SELECT count(*), percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (
    ORDER BY extract(epoch FROM admitted_at - appeared_at)::float8) AS shares
FROM sync_invitation WHERE admitted_at >= %s AND admitted_at >= %s
"""


@dataclass(frozen=True)
class Lag:
    """How long changes took to reach the other side, in seconds."""

    count: int = 0
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None

    def as_json(self) -> dict[str, float | None]:
        """The contract's keys."""
        return {"p50": self.p50, "p95": self.p95, "p99": self.p99}


@dataclass(frozen=True)
class TableFigures:
    """One table of the base."""

    table: str
    subject: str
    backlog: int = 0
    oldest_seconds: float = 0.0
    dead: int = 0
    linked: int = 0
    waiting: int = 0
    """Records of Airtable's that are not accepted here."""
    pause: TableState | None = None
    """Who has stopped it, when and why."""

    @property
    def paused(self) -> bool:
        """Whether an operator has stopped it."""
        return self.pause is not None


@dataclass(frozen=True)
class Figures:
    """The engine at one moment."""

    at: datetime
    configured: bool
    stopped: str
    """Why nothing is sent, or nothing."""
    tables: tuple[TableFigures, ...]
    conflicts: int
    requests_last_hour: int
    month: meter.Month
    """The requests of this month, and where that is going."""
    success_rate: float
    lag_lately: MappingType[str, Lag]
    """By direction: out, in, both."""
    lag_last_day: MappingType[str, Lag]
    sign_in: Lag
    """From a person's row to a possible sign-in, in the last seven days."""
    inbound_backlog: int
    inbound_oldest_seconds: float
    inbound_given_up: int
    """In the last day."""
    webhook: WebhookRegistration | None
    events: MappingType[tuple[str, str], int] = field(default_factory=dict)
    """By direction and kind, in the last hour."""
    resting: tuple[str, ...] = ()
    """Tables and fields that are left alone because the base changed, each with why."""

    @property
    def backlog(self) -> int:
        """How many objects wait to be sent."""
        return sum(table.backlog for table in self.tables)

    @property
    def oldest_seconds(self) -> float:
        """Since when the first of them waits."""
        return max((table.oldest_seconds for table in self.tables), default=0.0)

    @property
    def dead(self) -> int:
        """How many objects Airtable refused."""
        return sum(table.dead for table in self.tables)

    @property
    def last_read_at(self) -> datetime | None:
        """When the base was last asked for its changes, with an answer."""
        return self.webhook.last_success_at if self.webhook else None


def figures(*, now: datetime) -> Figures:
    """Count everything."""
    base_id = settings.AIRTABLE_BASE_ID or ""
    since = going_since(base_id, now=now)
    found = ask(_questions(base_id, now, since))
    tables = _tables(found, now, since)
    lately, day = _lag(found["lag"])
    given_up = sum(row["n"] for row in found["given up"])
    arrived, failed = day["both"].count, given_up + sum(table.dead for table in tables)
    usage, hook, inbound = (_first(found[name]) for name in ("usage", "webhook", "inbound"))
    return Figures(
        at=now,
        configured=guard.is_configured(),
        stopped=paused(),
        tables=tables,
        conflicts=sum(row["n"] for row in found["conflicts"]),
        requests_last_hour=usage.get("last_hour", 0),
        month=meter.month_of(usage, _first(found["budget"]), now=now),
        success_rate=round(arrived / (arrived + failed), 4) if arrived + failed else 1.0,
        lag_lately=lately,
        lag_last_day=day,
        sign_in=_lag_of(**found["sign in"][0]),
        inbound_backlog=inbound.get("backlog", 0),
        inbound_oldest_seconds=_seconds(now, inbound.get("oldest")),
        inbound_given_up=given_up,
        webhook=WebhookRegistration(**hook) if hook else None,
        events={(row["direction"], row["kind"]): row["n"] for row in found["events"]},
        resting=tuple(f"{BaseField(**row)}: {row['problem']}" for row in found["resting"]),
    )


def _questions(base_id: str, now: datetime, since: datetime | None) -> dict[str, Question]:
    """All that is asked of the database, but for the way to the base."""
    day_ago = now - DAY
    pending = Q(status=OutboxRow.Status.PENDING)
    links = RecordLink.objects.order_by("subject").values("subject")
    waiting = InboundChange.objects.filter(applied_at=None)
    given_up = InboundChange.objects.filter(received_at__gte=day_ago, attempts__gt=0)
    outgoing_since = since or now - DAY * 2
    return {
        "queued": OutboxRow.objects.order_by("subject")
        .values("subject")
        .annotate(
            backlog=Count("pk", filter=pending),
            oldest=Min("changed_at", filter=pending),
            dead=Count("pk", filter=Q(status=OutboxRow.Status.DEAD)),
        ),
        "links": links.annotate(
            linked=Count("pk", filter=Q(state=RecordLink.State.LINKED)),
            waiting=Count("pk", filter=Q(state=RecordLink.State.WAITING)),
        ),
        "paused": TableState.objects.filter(paused=True).values(),
        "conflicts": _all(SyncConflict.objects.filter(at__gte=day_ago)).annotate(n=Count("pk")),
        "usage": meter.usage(base_id, now=now, since=since),
        "budget": meter.budget(base_id),
        # Apart: each has an index, both together would read a week of payloads.
        "inbound": _all(waiting).annotate(backlog=Count("pk"), oldest=Min("received_at")),
        "given up": _all(given_up.exclude(error="").exclude(applied_at=None)).annotate(
            n=Count("pk")
        ),
        "webhook": WebhookRegistration.objects.filter(base_id=base_id, is_live=True).values(),
        "events": SyncEvent.objects.filter(at__gte=now - HOUR)
        .values("direction", "kind")
        .annotate(n=Count("pk")),
        "resting": addresses.problems(base_id)
        .filter(is_blocked=True)
        .values("table", "field", "problem"),
        "lag": (_LAG, [now - LATELY, now - LATELY, day_ago, outgoing_since]),
        "sign in": (_SIGN_IN, [now - WEEK, since or now]),
    }


def paused() -> str:
    """Why nothing is sent, or nothing if all is well."""
    if not guard.is_configured():
        return _("No base is configured: AIRTABLE_API_KEY is not set.")
    try:
        guard.check()
    except guard.NotBound as error:
        return str(error)
    held = limiter.for_base().held()
    return str(held) if held is not None else ""


def _all(rows: QuerySet[Any]) -> Any:
    """For figures of all of them: one row, or none where there is nothing."""
    return rows.order_by().annotate(everything=Value(1)).values("everything")


def _first(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return rows[0] if rows else {}


def _tables(
    found: MappingType[str, list[dict[str, Any]]], now: datetime, since: datetime | None
) -> tuple[TableFigures, ...]:
    queued = {row["subject"]: row for row in found["queued"]}
    links = {row["subject"]: row for row in found["links"]}
    paused = {row["table"]: TableState(**row) for row in found["paused"]}
    nothing: dict[str, Any] = {}
    return tuple(
        TableFigures(
            table=mapping.table,
            subject=mapping.subject,
            backlog=(queue := queued.get(mapping.subject, nothing)).get("backlog", 0),
            oldest_seconds=_seconds(now, _not_before(since, queue.get("oldest"))),
            dead=queue.get("dead", 0),
            linked=(linked := links.get(mapping.subject, nothing)).get("linked", 0),
            waiting=linked.get("waiting", 0),
            pause=paused.get(mapping.table),
        )
        for mapping in REGISTRY
    )


def _not_before(since: datetime | None, moment: datetime | None) -> datetime | None:
    """What was there before the two sides were connected has waited since then."""
    return max(since, moment) if since and moment else moment


def _lag(rows: Sequence[dict[str, Any]]) -> tuple[dict[str, Lag], dict[str, Lag]]:
    lately, day = dict.fromkeys(DIRECTIONS, Lag()), dict.fromkeys(DIRECTIONS, Lag())
    for row in rows:
        lately[row["way"]] = _lag_of(row["recent"], row["of_late"])
        day[row["way"]] = _lag_of(row["count"], row["of_day"])
    return lately, day


def _lag_of(count: int, shares: list[float | None] | None) -> Lag:
    rounded = [None if value is None else round(float(value), 3) for value in shares or (None,) * 3]
    return Lag(count, *rounded)


def _seconds(now: datetime, since: datetime | None) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


def as_json(figures: Figures) -> dict[str, Any]:
    """What `sync_status --json` prints: the contract's keys first, then more."""
    return {
        "backlog": figures.backlog,
        "oldest_seconds": figures.oldest_seconds,
        "dead": figures.dead,
        "conflicts": figures.conflicts,
        "paused": figures.stopped or False,
        "requests_last_hour": figures.requests_last_hour,
        "lag_seconds": figures.lag_last_day["both"].as_json(),
        "inbound": {
            "backlog": figures.inbound_backlog,
            "last_success_at": _iso(figures.last_read_at),
            "oldest_seconds": figures.inbound_oldest_seconds,
            "given_up_last_day": figures.inbound_given_up,
        },
        "success_rate": figures.success_rate,
        "resting": list(figures.resting),
        "requests_this_month": figures.month.used,
        "requests_forecast": figures.month.forecast,
        "requests_budget": figures.month.budget,
        "lag_lately": {
            direction: figures.lag_lately[direction].as_json() for direction in ("out", "in")
        },
        "row_to_sign_in_seconds": {"count": figures.sign_in.count, **figures.sign_in.as_json()},
        "tables": [
            {
                "table": table.table,
                "backlog": table.backlog,
                "oldest_seconds": table.oldest_seconds,
                "dead": table.dead,
                "linked": table.linked,
                "waiting": table.waiting,
                "paused": table.paused,
            }
            for table in figures.tables
        ],
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def dead_letters() -> list[OutboxRow]:
    """What Airtable refused, oldest first."""
    return list(OutboxRow.objects.filter(status=OutboxRow.Status.DEAD).order_by("changed_at"))
