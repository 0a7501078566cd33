"""Message files, read without the gettext tools."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

# A name and its text, which may go over several lines.
_PART = re.compile(r'^(msg\w+(?:\[\d\])?) ((?:".*"\n?)+)', re.MULTILINE)


@dataclass
class Message:
    """An entry of a .po file."""

    id: str
    context: str
    plural: str
    said: list[str]
    is_fuzzy: bool

    @property
    def forms(self) -> list[str]:
        return [self.id, self.plural] if self.plural else [self.id]

    @property
    def key(self) -> str:
        """As a compiled file has it."""
        return f"{self.context}\x04{self.id}" if self.context else self.id


def read(path: Path) -> list[Message]:
    """The entries, without the header."""
    entries = [_entry(block) for block in path.read_text(encoding="utf-8").split("\n\n")]
    return [entry for entry in entries if entry.id]


def plural_forms(path: Path) -> int:
    """How many forms the language has for a number of things."""
    found = re.search(r"nplurals=(\d)", path.read_text(encoding="utf-8"))
    assert found is not None
    return int(found[1])


def _entry(block: str) -> Message:
    parts = [(name, _text(lines)) for name, lines in _PART.findall(block)]
    named = dict(parts)
    return Message(
        id=named.get("msgid", ""),
        context=named.get("msgctxt", ""),
        plural=named.get("msgid_plural", ""),
        said=[text for name, text in parts if name.startswith("msgstr")],
        is_fuzzy=bool(re.search(r"^#,.*fuzzy", block, re.MULTILINE)),
    )


def _text(lines: str) -> str:
    return "".join(ast.literal_eval(line) for line in lines.splitlines())
