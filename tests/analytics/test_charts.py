"""Where lines and bars go: always inside the box, whatever the values."""

from __future__ import annotations

import re

from hypothesis import given, strategies as st

from analytics.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Chart,
    Series,
    draw,
    shown,
    spark,
)
from analytics.measures import INDEX, MILLISECONDS, NUMBER, PERCENT, SECONDS, STARS

values = st.none() | st.floats(-1e6, 1e9, allow_nan=False)
UNITS = (PERCENT, STARS, SECONDS, MILLISECONDS, NUMBER, INDEX)


def chart(rows, **more):
    labels = [str(n) for n in range(len(rows))]
    return Chart("c", "Title", "", more.pop("unit", NUMBER), labels, [Series("One", rows)], **more)


@given(
    st.lists(values, max_size=60),
    st.sampled_from(UNITS),
    st.booleans(),
    st.none() | st.floats(0, 100),
)
def test_everything_lies_inside(rows, unit, bars, target):
    if unit == STARS:
        rows = [None if v is None else 1 + abs(v) % 4 for v in rows]
        target = None if target is None else 4.5
    drawn = draw(chart(rows, unit=unit, bars=bars, target=target))
    line = drawn.lines[0]
    spots = re.findall(r"[ML]([-\d.]+) ([-\d.]+)", line.path) + list(line.dots)
    spots += [(x, y) for x, y, _width, _height in line.bars]
    spots += [("100", drawn.target)] if drawn.target else []
    for x, y in spots:
        assert LEFT - 0.1 <= float(x) <= WIDTH - RIGHT + 0.1
        assert TOP - 0.1 <= float(y) <= HEIGHT - BOTTOM + 0.1
    for _x, y, _width, height in line.bars:
        assert float(height) >= 0 or min(v for v in rows if v is not None) < 0
        assert float(y) + float(height) <= HEIGHT - BOTTOM + 0.2
    assert len(line.bars) == (sum(v is not None for v in rows) if bars else 0)
    heights = [float(y) for y, _label in drawn.ticks]
    assert heights == sorted(heights, reverse=True)
    assert 2 <= len(heights) <= 8
    assert len(drawn.marks) <= 8


def test_a_line_is_broken_where_nothing_is_known():
    path = draw(chart([0.1, 0.2, None, 0.4])).lines[0].path
    assert [step[0] for step in re.findall(r"[ML][^ML]+", path)] == ["M", "L", "M"]


def test_higher_is_further_up_and_later_further_right():
    path = draw(chart([1.0, 2.0])).lines[0].path
    (x1, y1), (x2, y2) = (
        (float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)
    )
    assert x1 < x2
    assert y1 > y2


def test_what_is_drawn_is_said_and_stands_in_a_table_newest_first():
    one = chart([0.5, None, 0.9], unit=PERCENT, target=0.9)
    assert draw(one).summary == "Title. One: 50 % (0), 90 % (2); target 90 %."
    assert one.rows == [("2", ["90 %"]), ("1", ["-"]), ("0", ["50 %"])]
    assert chart([None]).is_empty
    assert "Nothing to show yet" in draw(chart([None])).summary


def test_values_as_people_write_them():
    assert [shown(v, u) for v, u in (
        (0.914, PERCENT), (4.5, STARS), (4.25, STARS), (9.94, SECONDS), (1234.0, SECONDS), (120.4, MILLISECONDS),
        (1234.0, NUMBER), (81.25, NUMBER), (0.4, INDEX), (None, PERCENT),
    )] == ["91 %", "4.5", "4.25", "9.9 s", "1,234 s", "120 ms", "1,234", "81.2", "0.40", "-"]  # fmt: skip


def test_a_spark_needs_two_values():
    assert spark([None, 1.0]) == ""
    assert spark([1.0, 1.0]).count("L") == 1
