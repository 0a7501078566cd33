"""Tables as CSV, a row at a time, that no spreadsheet takes for formulas. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

# How a text begins that a spreadsheet computes: also in full width, as Japanese keyboards type it.
_STARTS_FORMULA: Final = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
# Says that the file is UTF-8, without which Excel spoils every accent.
MARK: Final = "\ufeff"
# Rows to a piece: a piece for each would cost more than its content.
_AT_ONCE: Final = 200


def lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The file in pieces of some rows. Everything is quoted, so no separator of any country splits it."""
    pieces: list[str] = [MARK]
    writer = csv.writer(_Echo(pieces), quoting=csv.QUOTE_ALL)
    writer.writerow(header)
    for number, row in enumerate(rows, 1):
        writer.writerow([cell(value) for value in row])
        if number % _AT_ONCE == 0:
            yield "".join(pieces)
            pieces.clear()
    yield "".join(pieces)


def cell(value: Any) -> str:
    """A value as text. What somebody typed never begins like a formula: then an apostrophe goes ahead,
    which spreadsheets do not show. Numbers are numbers, also below zero."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4f}".rstrip("0").rstrip(".")
        case int() | UUID():
            return str(value)
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
        case date():
            return value.isoformat()
        case list() | tuple():
            return cell(", ".join(str(one) for one in value))
    text = str(value)
    # Blanks are trimmed by some before they look.
    begins = {text[:1], text.lstrip()[:1]} & _STARTS_FORMULA
    return f"'{text}" if begins else text


class _Echo:
    """What csv writes to: a list of pieces."""

    def __init__(self, pieces: list[str]) -> None:
        self.write = pieces.append
