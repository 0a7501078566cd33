"""Is it healthy, and if not, what is wrong: a judgement on the figures. Pure.

Each problem has the name of an alert in `docs/alerts.yml` and of a page in `docs/runbooks/`, so that
the console, the command and the pager speak of the same things.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sync.selectors import Figures, TableFigures

# The alerts measure with the same numbers; a test compares them.
OLD_AFTER: Final = 300.0  # seconds that a change may wait to be sent or applied
SLOW_AFTER: Final = 60.0  # seconds: p95 lately
UNREAD_AFTER: Final = timedelta(minutes=15)
EXPIRES_WITHIN: Final = timedelta(days=1)


@dataclass(frozen=True)
class Problem:
    """Something an operator has to see to."""

    name: str
    """The alert's."""
    sentence: str
    page: str
    """Where in the console it is seen or mended: a path below /admin/sync/."""
    severe: bool = False
    """Nothing moves until somebody acts."""

    @property
    def runbook(self) -> str:
        """The page that says what to do."""
        return f"docs/runbooks/{runbook(self.name)}.md"


@dataclass(frozen=True)
class Health:
    """The judgement."""

    sentence: str
    problems: tuple[Problem, ...]
    configured: bool

    @property
    def healthy(self) -> bool:
        """Whether nobody has to do anything."""
        return not self.problems


def judge(figures: Figures) -> Health:
    """Whether it is healthy, in a sentence, and what is not."""
    if not figures.configured:
        return Health(figures.stopped, (), configured=False)
    found = sorted(_problems(figures), key=lambda problem: not problem.severe)
    return Health(_sentence(figures, found), tuple(found), configured=True)


def runbook(name: str) -> str:
    """SyncDeadLetters -> sync-dead-letters."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]


def _sentence(figures: Figures, problems: list[Problem]) -> str:
    if len(problems) == 1:
        return problems[0].sentence
    if problems:
        return f"{len(problems)} things need somebody."
    waiting = "Nothing waits" if not figures.backlog else f"{figures.backlog} on their way"
    lag = figures.lag_lately["both"]
    pace = f", 95 of 100 changes arrived within {duration(lag.p95)}" if lag.p95 is not None else ""
    return f"All is well. {waiting}{pace}."


def _problems(figures: Figures) -> Iterator[Problem]:
    if figures.stopped:  # what waits meanwhile waits because of that
        yield Problem("SyncStopped", figures.stopped, "basebinding/", severe=True)
    else:
        yield from _waiting(figures)
        yield from _reading(figures)
    yield from _spent(figures)
    yield from _failed(figures)


def _spent(figures: Figures) -> Iterator[Problem]:
    month = figures.month
    if month.budget is None or not (month.stopped or month.will_exceed):
        return
    if month.stopped:
        lanes = ", ".join(lane.value for lane in month.stopped)
        sentence = (
            f"{month.used:,} of this month's {month.budget:,} requests are used; stopped: {lanes}."
        )
    else:
        sentence = f"At this pace the month takes {month.forecast:,} of {month.budget:,} requests."
    yield Problem("SyncBudget", sentence, "basebinding/", severe=bool(month.stopped))


def _waiting(figures: Figures) -> Iterator[Problem]:
    going = [table for table in figures.tables if not table.paused]
    oldest = max(going, key=lambda table: table.oldest_seconds, default=None)
    if oldest and oldest.oldest_seconds > OLD_AFTER:
        yield Problem(
            "SyncBacklogOld",
            f"A change in {oldest.table} has waited for {duration(oldest.oldest_seconds)} to be sent.",
            "outboxrow/?o=4",
            severe=True,
        )
    if figures.inbound_oldest_seconds > OLD_AFTER:
        yield Problem(
            "SyncInboundOld",
            f"Something Airtable told us has waited for {duration(figures.inbound_oldest_seconds)} "
            "to be applied.",
            "inboundchange/?state=waiting",
        )
    for direction, words in (("out", "to"), ("in", "from")):
        p95 = figures.lag_lately[direction].p95
        if p95 is not None and p95 > SLOW_AFTER:
            yield Problem(
                "SyncSlow",
                f"One change in twenty took longer than {duration(p95)} {words} Airtable.",
                "syncevent/glance/#lag",
            )


def _paused(table: TableFigures) -> str:
    pause = table.pause
    by = f" by {pause.paused_by}" if pause and pause.paused_by else ""
    note = f": {pause.note}" if pause and pause.note else ""
    return f"{table.table} is paused{by}{note}."


def _failed(figures: Figures) -> Iterator[Problem]:
    if figures.dead:
        yield Problem(
            "SyncDeadLetters",
            f"Airtable refused {counted(figures.dead, 'record')}.",
            "outboxrow/?status__exact=dead",
        )
    if figures.inbound_given_up:
        yield Problem(
            "SyncInboundGivenUp",
            f"{counted(figures.inbound_given_up, 'edit')} from Airtable could not be applied.",
            "inboundchange/?state=given-up",
        )
    if figures.resting:
        more = len(figures.resting) - 1
        yield Problem(
            "SyncSchemaDrift",
            f"The base was changed. {figures.resting[0]}" + (f" And {more} more." if more else ""),
            "basefield/?is_blocked__exact=1",
        )
    for table in figures.tables:
        if table.paused:
            yield Problem("SyncTablePaused", _paused(table), "syncevent/glance/#tables")


def _reading(figures: Figures) -> Iterator[Problem]:
    hook = figures.webhook
    if hook is None:
        yield Problem(
            "SyncNotReading", "No webhook is registered yet.", "webhookregistration/", severe=True
        )
        return
    read_at = hook.last_success_at or hook.created_at
    if figures.at - read_at > UNREAD_AFTER:
        ago = duration((figures.at - read_at).total_seconds())
        yield Problem(
            "SyncNotReading",
            f"Airtable's changes were last read {ago} ago.",
            "webhookregistration/",
            severe=True,
        )
    if not webhook_is_well(figures):
        reason = hook.last_error or "it expires within a day and was not renewed"
        yield Problem(
            "SyncWebhookUnhealthy", f"The webhook is not well: {reason}", "webhookregistration/"
        )


def webhook_is_well(figures: Figures) -> bool:
    """It works and lives for another day."""
    hook = figures.webhook
    if hook is None or hook.last_error:
        return False
    return hook.expires_at is None or hook.expires_at - figures.at > EXPIRES_WITHIN


def duration(seconds: float) -> str:
    """2.4 s, 12 min, 3 h, 2 days: as exact as a person wants it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    for size, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {name}"
    return f"{seconds:.0f} s"


def counted(number: int, what: str) -> str:
    """1 record, 3 records."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
