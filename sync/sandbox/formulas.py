"""The small part of Airtable's formula language that a sync needs.

Equality and order, AND / OR / NOT, RECORD_ID(), LOWER(), UPPER(), TRIM(), BLANK(), TRUE(),
FALSE(), CREATED_TIME(), LAST_MODIFIED_TIME(), DATETIME_PARSE(), IS_AFTER() and IS_BEFORE().
Everything else is refused as Airtable refuses a formula it cannot read: better a loud 422 in
development than a filter that quietly means something else in production.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync.sandbox.errors import ApiError
from sync.sandbox.model import Record, Table
from sync.sandbox.values import as_text, parse_moment, read

NameOf = Callable[[str], str]
Node = Callable[[Record], Any]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
      | \{(?P<field>(?:\\.|[^}\\])+)\}
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<mark><=|>=|!=|[=<>(),])
    )""",
    re.VERBOSE | re.DOTALL,
)
_DEPTH = 40


def invalid_formula(why: str) -> ApiError:
    """Airtable's answer to a formula it cannot use."""
    return ApiError(
        422,
        "INVALID_FILTER_BY_FORMULA",
        f"The formula for filtering records is invalid: {why}",
    )


@dataclass(frozen=True)
class Token:
    """A word of the formula, with its kind."""

    kind: str
    text: str


def _tokens(source: str) -> list[Token]:
    found: list[Token] = []
    position = 0
    while source[position:].strip():
        match = _TOKEN.match(source, position)
        if match is None or match.lastgroup is None:
            raise invalid_formula("Invalid formula. Please check your formula text.")
        text = match.group(match.lastgroup)
        if match.lastgroup == "text":
            text = re.sub(r"\\(.)", _unescape, text[1:-1], flags=re.DOTALL)
        if match.lastgroup == "field":
            text = re.sub(r"\\(.)", r"\1", text)
        found.append(Token(match.lastgroup, text))
        position = match.end()
    return found


def _unescape(match: re.Match[str]) -> str:
    return {"n": "\n", "r": "\r", "t": "\t"}.get(match.group(1), match.group(1))


class Formula:
    """A compiled filter for the records of one table."""

    def __init__(self, source: str, table: Table, name_of: NameOf) -> None:
        self._table = table
        self._name_of = name_of
        self._tokens = _tokens(source)
        self._at = 0
        self._root = self._comparison(0)
        if self._at != len(self._tokens):
            raise invalid_formula("Invalid formula. Please check your formula text.")

    def keeps(self, record: Record) -> bool:
        """Whether the record passes: Airtable drops 0, false, empty text and NaN."""
        return bool(self._root(record))

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self) -> Token:
        token = self._peek()
        if token is None:
            raise invalid_formula("Invalid formula. Please check your formula text.")
        self._at += 1
        return token

    def _expect(self, mark: str) -> None:
        token = self._next()
        if token.kind != "mark" or token.text != mark:
            raise invalid_formula("Invalid formula. Please check your formula text.")

    def _comparison(self, depth: int) -> Node:
        if depth > _DEPTH:
            raise invalid_formula("The formula is nested too deeply.")
        left = self._operand(depth)
        token = self._peek()
        if token is None or token.kind != "mark" or token.text not in _COMPARE:
            return left
        self._at += 1
        right = self._operand(depth)
        compare = _COMPARE[token.text]
        return lambda record: compare(left(record), right(record))

    def _operand(self, depth: int) -> Node:
        token = self._next()
        if token.kind == "text":
            return lambda record: token.text
        if token.kind == "number":
            number = float(token.text)
            return lambda record: number
        if token.kind == "field":
            return self._field(token.text)
        if token.kind == "name":
            follows = self._peek()
            if follows is not None and follows.text == "(" and follows.kind == "mark":
                return self._call(token.text.upper(), depth)
            return self._field(token.text)
        if token.text == "(":
            inner = self._comparison(depth + 1)
            self._expect(")")
            return inner
        raise invalid_formula("Invalid formula. Please check your formula text.")

    def _field(self, reference: str) -> Node:
        field = self._table.find_field(reference)
        if field is None:
            raise invalid_formula(f"Unknown field names: {reference.lower()}")

        def value(record: Record) -> Any:
            cell = read(field, record)
            if isinstance(cell, int | float) and not isinstance(cell, bool):
                return float(cell)
            return as_text(field, cell, self._name_of)

        return value

    def _call(self, name: str, depth: int) -> Node:
        self._expect("(")
        arguments: list[Node] = []
        token = self._peek()
        while token is not None and token.text != ")":
            arguments.append(self._comparison(depth + 1))
            token = self._peek()
            if token is not None and token.text == ",":
                self._at += 1
        self._expect(")")
        known = _FUNCTIONS.get(name)
        if known is None or not known[0] <= len(arguments) <= known[1]:
            raise invalid_formula("Invalid formula. Please check your formula text.")
        function = known[2]
        return lambda record: function(record, [argument(record) for argument in arguments])


def _equal(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return _is_blank(left) and _is_blank(right)
    if isinstance(left, float | bool) and isinstance(right, float | bool):
        return float(left) == float(right)
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    # A ticked box reads as text "1" here; Airtable compares it with 1 and TRUE() alike.
    return _as_number(left) is not None and _as_number(left) == _as_number(right)


def _is_blank(value: Any) -> bool:
    return value is None or value == ""


def _as_number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        one, other = _as_number(left), _as_number(right)
        if one is not None and other is not None:
            return test(one, other)
        return test(str(left or ""), str(right or ""))

    return compare


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
}


def _moment(value: Any) -> datetime | None:
    return parse_moment(value) if isinstance(value, str) else None


def _is_after(left: Any, right: Any) -> bool:
    one, other = _moment(left), _moment(right)
    return one is not None and other is not None and one > other


_FUNCTIONS: dict[str, tuple[int, int, Callable[[Record, list[Any]], Any]]] = {
    "AND": (1, 100, lambda record, values: all(values)),
    "OR": (1, 100, lambda record, values: any(values)),
    "NOT": (1, 1, lambda record, values: not values[0]),
    "RECORD_ID": (0, 0, lambda record, values: record.id),
    "CREATED_TIME": (0, 0, lambda record, values: record.created_time),
    "LAST_MODIFIED_TIME": (0, 0, lambda record, values: record.modified_time),
    "LOWER": (1, 1, lambda record, values: str(values[0] or "").lower()),
    "UPPER": (1, 1, lambda record, values: str(values[0] or "").upper()),
    "TRIM": (1, 1, lambda record, values: str(values[0] or "").strip()),
    "BLANK": (0, 0, lambda record, values: None),
    "TRUE": (0, 0, lambda record, values: True),
    "FALSE": (0, 0, lambda record, values: False),
    "DATETIME_PARSE": (1, 1, lambda record, values: values[0]),
    "IS_AFTER": (2, 2, lambda record, values: _is_after(values[0], values[1])),
    "IS_BEFORE": (2, 2, lambda record, values: _is_after(values[1], values[0])),
}
