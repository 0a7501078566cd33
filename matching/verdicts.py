"""What the console says of an experiment's figures, in words. Below the needed sample it concludes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _, ngettext

from matching.experiments import FEWEST_PEOPLE, Estimate, Kind, Results, Verdict

# What each kind is for (docs/experiments.md).
WHY: Final = {
    Kind.INTERLEAVING: "Every mentee sees one list in which both policies pick mentors in turn. Whom they "
    "open or book is a vote. This tells soonest which mentors people prefer, and nothing about whether "
    "calendars fill more evenly.",
    Kind.SWITCHBACK: "All mentees have one policy for a whole day, then maybe the other. An hour "
    "that one mentee books is gone for all others, so what spreads bookings is seen only when everybody "
    "has it.",
    Kind.AB: "Each person has one policy throughout. Both halves compete for the same hours, so differences "
    "in bookings look larger than they would be for everybody.",
}

# As wide as the picture of an interval is, in its own units.
_WIDTH: Final = 600


@dataclass(frozen=True, slots=True)
class Picture:
    """Where the parts of an interval are drawn, in units of a box 600 wide."""

    low: float
    high: float
    value: float
    neutral: float
    labels: tuple[tuple[float, str], ...]


def verdict(found: Results, *, kind: str, control: str, treatment: str, effect: float) -> str:
    """One sentence: which policy is better, that neither is, or why it is too early to say."""
    if found.verdict == Verdict.EARLY:
        return _too_early(found, kind)
    if found.verdict == Verdict.TREATMENT:
        return _("“%(policy)s” is better than what everybody has.") % {"policy": treatment}
    if found.verdict == Verdict.CONTROL:
        return _("“%(policy)s”, which everybody has, is the better one.") % {"policy": control}
    return _(
        "No difference was found. One of %(effect)g percentage points would have shown in four of "
        "five experiments like this."
    ) % {"effect": effect}


def _too_early(found: Results, kind: str) -> str:
    if found.is_uneven:
        return _(
            "Nothing can be concluded: %(treatment)s people had the new policy and %(control)s the old, which "
            "is not chance. Find out who is missing first."
        ) % {"treatment": found.treatment.people, "control": found.control.people}
    if found.seen < found.needed:
        return _("Too early to say: %(seen)s of about %(needed)s %(units)s.") % {
            "seen": found.seen,
            "needed": found.needed,
            "units": units(kind, found.needed),
        }
    return _("Too early to say: all this is from %(people)s people, and it takes %(fewest)s.") % {
        "people": found.people,
        "fewest": FEWEST_PEOPLE,
    }


def units(kind: str, count: int) -> str:
    """What `needed` counts, in words."""
    if kind == Kind.INTERLEAVING:
        return ngettext("request with a vote", "requests with a vote", count)
    if kind == Kind.SWITCHBACK:
        return ngettext("whole day", "whole days", count)
    return ngettext("person", "people", count)


def figure(estimate: Estimate | None, kind: str) -> str:
    """An estimate with its interval, and where level is."""
    if estimate is None:
        return _("No figure yet.")
    if kind == Kind.INTERLEAVING:
        value = _("%(share)s %% of the votes are for the new policy") % {
            "share": _number(100 * estimate.value)
        }
        level = _("50 % is level")
    else:
        value = _("%(points)s percentage points with the new policy") % {
            "points": _signed(100 * estimate.value)
        }
        level = _("0 is level")
    if estimate.low is None or estimate.high is None:
        return f"{value} ({level})"
    name = _number if kind == Kind.INTERLEAVING else _signed
    return _("%(value)s (95 %% interval %(low)s to %(high)s; %(level)s)") % {
        "value": value,
        "low": name(100 * estimate.low),
        "high": name(100 * estimate.high),
        "level": level,
    }


def picture(estimate: Estimate | None, kind: str) -> Picture | None:
    """The interval on a line; None without one."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return None
    if kind == Kind.INTERLEAVING:
        first, last = 0.0, 1.0
    else:
        last = max(abs(estimate.low), abs(estimate.high), 0.01) * 1.2
        first = -last

    def x(value: float) -> float:
        return round(_WIDTH * (value - first) / (last - first), 1)

    name = _number if kind == Kind.INTERLEAVING else _signed
    marks = (estimate.neutral, first, last)
    return Picture(
        x(estimate.low),
        x(estimate.high),
        x(estimate.value),
        x(estimate.neutral),
        tuple((x(mark), name(100 * mark)) for mark in marks),
    )


def _number(percent: float) -> str:
    return f"{percent:.0f}" if abs(percent - round(percent)) < 0.05 else f"{percent:.1f}"


def _signed(points: float) -> str:
    number = _number(abs(points))
    if number in {"0", "0.0"}:
        return "0"
    return f"+{number}" if points > 0 else f"−{number}"  # noqa: RUF001 - a minus sign
