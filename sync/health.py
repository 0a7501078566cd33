"""Is it healthy, and if not, what is wrong: a judgement on the figures. Pure.

Each problem has the name of an alert in `docs/alerts.yml` and of a page in `docs/runbooks/`, so that
the console, the command and the pager speak of the same things.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.utils.translation import gettext as _, ngettext

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
        return _("%(n)s things need somebody.") % {"n": len(problems)}
    said = [_("All is well."), _("Nothing waits.")]
    if figures.backlog:
        said[1] = _("%(n)s on their way.") % {"n": figures.backlog}
    lag = figures.lag_lately["both"].p95
    if lag is not None:
        said.append(_("95 of 100 changes arrived within %(lag)s.") % {"lag": duration(lag)})
    return " ".join(said)


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
        sentence = _(
            "%(used)s of this month's %(budget)s requests are used; stopped: %(lanes)s."
        ) % {"used": f"{month.used:,}", "budget": f"{month.budget:,}", "lanes": lanes}
    else:
        sentence = _("At this pace the month takes %(forecast)s of %(budget)s requests.") % {
            "forecast": f"{month.forecast:,}",
            "budget": f"{month.budget:,}",
        }
    yield Problem("SyncBudget", sentence, "basebinding/", severe=bool(month.stopped))


def _waiting(figures: Figures) -> Iterator[Problem]:
    going = [table for table in figures.tables if not table.paused]
    oldest = max(going, key=lambda table: table.oldest_seconds, default=None)
    if oldest and oldest.oldest_seconds > OLD_AFTER:
        yield Problem(
            "SyncBacklogOld",
            _("A change in %(table)s has waited for %(since)s to be sent.")
            % {"table": oldest.table, "since": duration(oldest.oldest_seconds)},
            "outboxrow/?o=4",
            severe=True,
        )
    if figures.inbound_oldest_seconds > OLD_AFTER:
        yield Problem(
            "SyncInboundOld",
            _("Something Airtable told us has waited for %(since)s to be applied.")
            % {"since": duration(figures.inbound_oldest_seconds)},
            "inboundchange/?state=waiting",
        )
    slow = {
        "out": _("One change in twenty took longer than %(lag)s to Airtable."),
        "in": _("One change in twenty took longer than %(lag)s from Airtable."),
    }
    for direction, sentence in slow.items():
        p95 = figures.lag_lately[direction].p95
        if p95 is not None and p95 > SLOW_AFTER:
            yield Problem(
                "SyncSlow",
                sentence % {"lag": duration(p95)},
                "syncevent/glance/#lag",
            )


def _paused(table: TableFigures) -> str:
    pause = table.pause
    who, note = (pause.paused_by, pause.note) if pause else ("", "")
    sentence = {
        (True, True): _("%(table)s is paused by %(who)s: %(note)s."),
        (True, False): _("%(table)s is paused by %(who)s."),
        (False, True): _("%(table)s is paused: %(note)s."),
        (False, False): _("%(table)s is paused."),
    }[bool(who), bool(note)]
    return sentence % {"table": table.table, "who": who, "note": note}


def _failed(figures: Figures) -> Iterator[Problem]:
    if figures.dead:
        yield Problem(
            "SyncDeadLetters",
            ngettext(
                "Airtable refused %(n)s record.", "Airtable refused %(n)s records.", figures.dead
            )
            % {"n": f"{figures.dead:,}"},
            "outboxrow/?status__exact=dead",
        )
    if figures.inbound_given_up:
        yield Problem(
            "SyncInboundGivenUp",
            ngettext(
                "%(n)s edit from Airtable could not be applied.",
                "%(n)s edits from Airtable could not be applied.",
                figures.inbound_given_up,
            )
            % {"n": f"{figures.inbound_given_up:,}"},
            "inboundchange/?state=given-up",
        )
    if figures.resting:
        more = len(figures.resting) - 1
        yield Problem(
            "SyncSchemaDrift",
            " ".join(
                [
                    _("The base was changed."),
                    figures.resting[0],
                    *([_("And %(n)s more.") % {"n": more}] if more else []),
                ]
            ),
            "basefield/?is_blocked__exact=1",
        )
    for table in figures.tables:
        if table.paused:
            yield Problem("SyncTablePaused", _paused(table), "syncevent/glance/#tables")


def _reading(figures: Figures) -> Iterator[Problem]:
    hook = figures.webhook
    if hook is None:
        yield Problem(
            "SyncNotReading",
            _("No webhook is registered yet."),
            "webhookregistration/",
            severe=True,
        )
        return
    read_at = hook.last_success_at or hook.created_at
    if figures.at - read_at > UNREAD_AFTER:
        ago = duration((figures.at - read_at).total_seconds())
        yield Problem(
            "SyncNotReading",
            _("Airtable's changes were last read %(since)s ago.") % {"since": ago},
            "webhookregistration/",
            severe=True,
        )
    if not webhook_is_well(figures):
        reason = hook.last_error or _("it expires within a day and was not renewed")
        sentence = _("The webhook is not well: %(reason)s") % {"reason": reason}
        yield Problem("SyncWebhookUnhealthy", sentence, "webhookregistration/")


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
