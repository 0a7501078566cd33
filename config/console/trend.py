"""A small line with its target, as SVG coordinates. Pure; `templates/admin/home_trend.html` draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from analytics.selectors import Point, Standing

WIDTH: Final = 480
HEIGHT: Final = 150
_EDGE: Final = 6


@dataclass(frozen=True)
class Trend:
    """The last half year of a share, 0 to 1, from left to right."""

    line: str
    area: str
    last: tuple[str, str]
    target: str | None
    first_day: date
    last_day: date
    width: int = WIDTH
    height: int = HEIGHT


def trend(standing: Standing) -> Trend | None:
    """None where there are fewer than two points: one is no trend."""
    points = standing.points
    if len(points) < 2:
        return None
    top = max(1.0, *(point.value for point in points))
    placed = [_place(point, points, top) for point in points]
    line = "M" + "L".join(f"{x} {y}" for x, y in placed)
    floor = _n(HEIGHT - _EDGE)
    target = standing.measure.target
    return Trend(
        line=line,
        area=f"{line}L{placed[-1][0]} {floor}L{placed[0][0]} {floor}Z",
        last=placed[-1],
        target=None if target is None else _n(_up(target, top)),
        first_day=points[0].day,
        last_day=points[-1].day,
    )


def _place(point: Point, points: Sequence[Point], top: float) -> tuple[str, str]:
    days = (points[-1].day - points[0].day).days
    along = (point.day - points[0].day).days / days if days else 1.0
    return _n(_EDGE + along * (WIDTH - 2 * _EDGE)), _n(_up(point.value, top))


def _up(value: float, top: float) -> float:
    return HEIGHT - _EDGE - value / top * (HEIGHT - 2 * _EDGE)


def _n(value: float) -> str:
    return f"{value:.1f}"
