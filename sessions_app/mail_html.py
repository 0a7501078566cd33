"""The words of a template as parts of an HTML mail: paragraphs, facts, links. Pure.

A template is plain text, also where a PM wrote it. Three shapes of line become more than text:
"When: {{ when }}" a fact, "Move it: {{ move_url }}" a link with those words, and the first link of
all a button.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from django.utils.html import escape, format_html, urlize
from django.utils.safestring import SafeString, mark_safe

from sessions_app.wording import FACT, LINK, fill_lines, kept_lines, pieces

SCALE = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class MailLink:
    words: str
    address: str
    is_main: bool = False
    # One address for each of five answers, or none.
    scale: tuple[tuple[int, str], ...] = ()


@dataclass(slots=True)
class Block:
    """One of: a paragraph of HTML lines, facts as (label, HTML), links."""

    lines: list[SafeString] = field(default_factory=list)
    facts: list[tuple[str, SafeString]] = field(default_factory=list)
    links: list[MailLink] = field(default_factory=list)


def blocks(text: str, variables: Mapping[str, str]) -> list[Block]:
    """The parts of a template's body, filled in, in order."""
    lines = [line.strip() for line in kept_lines(text, variables)]
    made: list[Block] = []
    has_main = False
    for shape, group in _grouped(lines, variables):
        block = Block()
        for line in group:
            if shape == "link":
                block.links.append(_link(line, variables, is_main=not has_main))
                has_main = True
            elif shape == "fact":
                block.facts.append(_fact(line, variables))
            else:
                block.lines.append(_html(line, variables))
        made.append(block)
    return made


def _grouped(lines: list[str], variables: Mapping[str, str]) -> Iterator[tuple[str, Iterator[str]]]:
    shapes = groupby(lines, key=lambda line: _shape(line, variables))
    return ((shape, group) for shape, group in shapes if shape != "gap")


def _shape(line: str, variables: Mapping[str, str]) -> str:
    if not line:
        return "gap"
    link = LINK.match(line)
    if link and link[2] in variables:
        return "link"
    fact = FACT.match(line)
    return "fact" if fact and "{{" in fact[2] else "text"


def _link(line: str, variables: Mapping[str, str], *, is_main: bool) -> MailLink:
    found = LINK.match(line)
    assert found is not None
    address = variables[found[2]]
    scale: tuple[tuple[int, str], ...] = ()
    if found[2] == "feedback_url":
        scale = tuple((n, f"{address}?overall={n}") for n in SCALE)
    return MailLink(found[1].strip(), address, is_main, scale)


def _fact(line: str, variables: Mapping[str, str]) -> tuple[str, SafeString]:
    found = FACT.match(line)
    assert found is not None
    return fill_lines([found[1]], variables), _html(found[2], variables)


def _html(line: str, variables: Mapping[str, str]) -> SafeString:
    """A line with what people typed escaped; only our own and the PM's addresses become links."""
    parts = []
    for kind, part in pieces(line):
        if kind == "text":
            parts.append(mark_safe(urlize(part, autoescape=True)))  # noqa: S308  # escaped by urlize
        elif part not in variables:
            parts.append(escape(f"{{{{ {part} }}}}"))
        elif part.endswith("_url"):
            parts.append(format_html('<a class="plain" href="{0}">{0}</a>', variables[part]))
        else:
            value = escape(variables[part])
            parts.append(mark_safe("<br>".join(value.splitlines())))  # noqa: S308  # escaped above
    return mark_safe("".join(parts))  # noqa: S308  # of safe parts
