"""The figures for Prometheus, in its text format.

By hand: the format is a few lines, and everything shown is counted in the database by whoever asks,
so there is no process whose counters a client library could keep. All are gauges for that reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping as MappingType
from typing import Final, NamedTuple

from sync.health import judge, webhook_is_well
from sync.models import SyncEvent
from sync.selectors import Figures, Lag

PREFIX: Final = "officehours_sync_"


class Sample(NamedTuple):
    """One value of one metric."""

    name: str
    value: float
    labels: MappingType[str, str] = {}


# What each metric says; the order in which they are shown.
HELP: Final[dict[str, str]] = {
    "configured": "Whether there is a base to talk to.",
    "healthy": "Whether nobody has to do anything.",
    "stopped": "Whether all traffic with the base is stopped.",
    "backlog": "Objects that wait to be sent.",
    "oldest_seconds": "How long the first of them has waited.",
    "dead": "Objects that Airtable refused.",
    "paused": "Whether an operator has paused the table.",
    "records": "Records by what they are to us: linked, or waiting to be accepted.",
    "lag_seconds": "How long changes of the last 15 minutes took to reach the other side.",
    "row_to_sign_in_seconds": "From a person's row in Airtable to a possible sign-in, in the last seven days.",
    "fields_resting": "Tables and fields that are left alone because the base was changed.",
    "success_ratio": "Of the last day's changes, the share that arrived.",
    "conflicts_last_day": "Fields that both sides changed, and edits that were refused.",
    "events_last_hour": "What happened to records.",
    "requests_last_hour": "Requests to the base.",
    "requests_this_month": "Requests to the base since the month began (UTC).",
    "requests_forecast": "Requests to the base by the end of the month, going on as in the last week; absent in the first day.",
    "requests_budget": "Requests that the month allows; absent without a limit.",
    "inbound_backlog": "What Airtable told us and is not applied.",
    "inbound_oldest_seconds": "How long the first of it has waited.",
    "inbound_given_up_last_day": "What could not be applied at all.",
    "webhook_healthy": "Whether the webhook works and lives for another day.",
    "webhook_expires_timestamp_seconds": "When the webhook ends unless it is renewed.",
    "last_read_timestamp_seconds": "When the base was last asked for its changes, with an answer.",
}


def text(figures: Figures) -> str:
    """The page that Prometheus reads."""
    return "".join(f"{line}\n" for line in _lines(samples(figures)))


def samples(figures: Figures) -> Iterator[Sample]:
    """Every value there is. What is not known has none."""
    yield Sample("configured", figures.configured)
    yield Sample("healthy", judge(figures).healthy)
    yield Sample("stopped", bool(figures.stopped) and figures.configured)
    yield from _of_tables(figures)
    yield from _of_lag(figures)
    yield Sample("fields_resting", len(figures.resting))
    yield Sample("success_ratio", figures.success_rate)
    yield Sample("conflicts_last_day", figures.conflicts)
    for direction in SyncEvent.Direction.values:
        for kind in SyncEvent.Kind.values:
            count = figures.events.get((direction, kind), 0)
            yield Sample("events_last_hour", count, {"direction": direction, "kind": kind})
    yield Sample("requests_last_hour", figures.requests_last_hour)
    yield Sample("requests_this_month", figures.month.used)
    if figures.month.forecast is not None:
        yield Sample("requests_forecast", figures.month.forecast)
    if figures.month.budget is not None:
        yield Sample("requests_budget", figures.month.budget)
    yield Sample("inbound_backlog", figures.inbound_backlog)
    yield Sample("inbound_oldest_seconds", figures.inbound_oldest_seconds)
    yield Sample("inbound_given_up_last_day", figures.inbound_given_up)
    yield from _of_webhook(figures)


def _of_tables(figures: Figures) -> Iterator[Sample]:
    for table in figures.tables:
        labels = {"table": table.table}
        yield Sample("backlog", table.backlog, labels)
        yield Sample("oldest_seconds", table.oldest_seconds, labels)
        yield Sample("dead", table.dead, labels)
        yield Sample("paused", table.paused, labels)
        yield Sample("records", table.linked, {**labels, "state": "linked"})
        yield Sample("records", table.waiting, {**labels, "state": "waiting"})


def _of_lag(figures: Figures) -> Iterator[Sample]:
    for direction in SyncEvent.Direction.values:
        labels = {"direction": direction}
        yield from _percentiles("lag_seconds", figures.lag_lately[direction], labels)
    yield from _percentiles("row_to_sign_in_seconds", figures.sign_in, {})


def _percentiles(name: str, lag: Lag, labels: MappingType[str, str]) -> Iterator[Sample]:
    for percentile, value in (("50", lag.p50), ("95", lag.p95), ("99", lag.p99)):
        if value is not None:
            yield Sample(name, value, {**labels, "percentile": percentile})


def _of_webhook(figures: Figures) -> Iterator[Sample]:
    yield Sample("webhook_healthy", webhook_is_well(figures))
    hook = figures.webhook
    if hook is not None and hook.expires_at is not None:
        yield Sample("webhook_expires_timestamp_seconds", hook.expires_at.timestamp())
    if figures.last_read_at is not None:
        yield Sample("last_read_timestamp_seconds", figures.last_read_at.timestamp())


def _lines(found: Iterable[Sample]) -> Iterator[str]:
    by_name: dict[str, list[Sample]] = {}
    for sample in found:
        by_name.setdefault(sample.name, []).append(sample)
    for name, sentence in HELP.items():
        if name in by_name:
            yield f"# HELP {PREFIX}{name} {sentence}"
            yield f"# TYPE {PREFIX}{name} gauge"
            for sample in by_name[name]:
                yield f"{PREFIX}{name}{_labels(sample.labels)} {float(sample.value)!r}"


def _labels(labels: MappingType[str, str]) -> str:
    if not labels:
        return ""
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
