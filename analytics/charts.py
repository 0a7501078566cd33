"""Where the lines and bars of a chart go. Pure; `templates/admin/chart.html` draws it as SVG.

Drawn by the server, without a script: it is there at once, prints, and needs nothing from anybody. The same
values stand in a table beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from analytics.measures import INDEX, MILLISECONDS, PERCENT, SECONDS, STARS

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 14, 34
# At most so many labels below, or they run into each other.
_LABELS: Final = 6


@dataclass(frozen=True)
class Series:
    """One line, or one bar of each group. None: nothing is known there, and the line is broken."""

    label: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Chart:
    """What is to be shown.

    Args:
        name: for addresses within the page.
        labels: what stands below each value, oldest first.
        target: a line across, where there is one.
        bars: bars instead of lines; they begin at zero.
    """

    name: str
    title: str
    caption: str
    unit: str
    labels: Sequence[str]
    series: Sequence[Series]
    target: float | None = None
    bars: bool = False

    @property
    def is_empty(self) -> bool:
        return not any(value is not None for one in self.series for value in one.values)

    @property
    def drawing(self) -> Drawing:
        return draw(self)

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """The same as a table, newest first."""
        values = zip(*(one.values for one in self.series), strict=True)
        rows = [
            (label, [shown(value, self.unit) for value in row])
            for label, row in zip(self.labels, values, strict=True)
        ]
        return rows[::-1]


@dataclass(frozen=True)
class Line:
    label: str
    path: str
    dots: Sequence[tuple[str, str]]
    bars: Sequence[tuple[str, str, str, str]]


@dataclass(frozen=True)
class Drawing:
    lines: Sequence[Line]
    ticks: Sequence[tuple[str, str]]
    """(y, label)."""
    marks: Sequence[tuple[str, str]]
    """(x, label)."""
    target: str | None
    summary: str
    """For whoever does not see it."""


def shown(value: float | None, unit: str) -> str:
    """A value as people write it."""
    if value is None:
        return "-"
    match unit:
        case _ if unit == PERCENT:
            return f"{value * 100:.0f} %"
        case _ if unit == STARS:
            return f"{value:.2f}".removesuffix("0")
        case _ if unit == SECONDS:
            return f"{value:.1f} s" if value < 100 else f"{value:,.0f} s"
        case _ if unit == MILLISECONDS:
            return f"{value:,.0f} ms"
        case _ if unit == INDEX:
            return f"{value:.2f}"
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 100 else f"{value:.1f}"


def draw(chart: Chart) -> Drawing:
    """The chart in a box of WIDTH by HEIGHT."""
    bottom, top, step = _scale(chart)
    inner = WIDTH - LEFT - RIGHT
    count = max(1, len(chart.labels))
    slot = inner / count

    def across(place: int) -> float:
        if chart.bars:
            return LEFT + slot * (place + 0.5)
        return LEFT + (inner * place / (count - 1) if count > 1 else inner / 2)

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - (value - bottom) / (top - bottom) * (HEIGHT - TOP - BOTTOM)

    lines = [
        _bars(one, number, len(chart.series), slot, across, up)
        if chart.bars
        else _line(one, across, up)
        for number, one in enumerate(chart.series)
    ]
    every = math.ceil(count / _LABELS)
    places = range((count - 1) % every, len(chart.labels), every)  # the last one always
    ticks = round((top - bottom) / step)
    return Drawing(
        lines=lines,
        ticks=[
            (_n(up(bottom + step * n)), shown(bottom + step * n, chart.unit))
            for n in range(ticks + 1)
        ],
        marks=[(_n(across(place)), chart.labels[place]) for place in places],
        target=None if chart.target is None else _n(up(chart.target)),
        summary=_summary(chart),
    )


def spark(values: Sequence[float | None], width: float = 120, height: float = 28) -> str:
    """A small line without axes, as an SVG path; "" where there are fewer than two values."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    span = (high - low) or 1.0

    def up(value: float) -> float:
        # A level line runs through the middle.
        share = (value - low) / span if high > low else 0.5
        return height - 2 - share * (height - 4)

    def across(place: int) -> float:
        return 2 + place * (width - 4) / (len(values) - 1)

    return _line(Series("", values), across, up).path


def _line(series: Series, across: Callable[[int], float], up: Callable[[float], float]) -> Line:
    path, dots, is_on = [], [], False
    for place, value in enumerate(series.values):
        if value is None:
            is_on = False
            continue
        x, y = _n(across(place)), _n(up(value))
        path.append(f"{'L' if is_on else 'M'}{x} {y}")
        dots.append((x, y))
        is_on = True
    return Line(series.label, "".join(path), dots if len(dots) <= 1 else dots[-1:], ())


def _bars(
    series: Series,
    number: int,
    of: int,
    slot: float,
    across: Callable[[int], float],
    up: Callable[[float], float],
) -> Line:
    width = slot * 0.72 / of
    floor = up(0)
    bars = []
    for place, value in enumerate(series.values):
        if value is not None:
            left = across(place) - slot * 0.36 + number * width
            bars.append((_n(left), _n(up(value)), _n(max(width - 1, 1)), _n(floor - up(value))))
    return Line(series.label, "", (), bars)


def _scale(chart: Chart) -> tuple[float, float, float]:
    """The lowest and highest value of the axis, and the step between its lines."""
    known = [value for one in chart.series for value in one.values if value is not None]
    if chart.target is not None:
        known.append(chart.target)
    low, high = min(known, default=0.0), max(known, default=1.0)
    if chart.bars or (low >= 0 and chart.unit != STARS):
        low = min(low, 0.0)
    if chart.unit == STARS:
        low, high = min(low, 3.0), 5.0
    if high - low < 1e-9 * max(1.0, abs(high)):  # a level line, or as good as one
        high = low + 1.0
    step = _step((high - low) / 4)
    return math.floor(low / step) * step, math.ceil(round(high / step, 6)) * step, step


def _step(least: float) -> float:
    """1, 2 or 5 times a power of ten, at least that much."""
    power: float = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * 0.999)


def _summary(chart: Chart) -> str:
    parts = []
    for one in chart.series:
        known = [
            (label, v) for label, v in zip(chart.labels, one.values, strict=True) if v is not None
        ]
        if known:
            (first, then), (last, now) = known[0], known[-1]
            parts.append(
                f"{one.label}: {shown(then, chart.unit)} ({first}), {shown(now, chart.unit)} ({last})"
            )
    if chart.target is not None:
        parts.append(f"target {shown(chart.target, chart.unit)}")
    return f"{chart.title}. {'; '.join(parts) or 'Nothing to show yet'}."


def _n(value: float) -> str:
    return f"{value:.1f}"
