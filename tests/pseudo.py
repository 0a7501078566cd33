"""A language that nobody speaks, written from right to left: ours with every letter swapped for one like it.

What is still in plain letters on a page was never given to the translators. It borrows the code of Hebrew, so
that Django's own words and dates are not plain letters either.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

from tests.translated import Message

CODE = "he"
_PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LIKE = "áƀćďéƒǧĥíĵķĺɱńóƥɋŕśťúνŵχýžÁƁĆĎÉƑǦĤÍĴĶĹṀŃÓƤɊŔŚŤÚṼŴẊÝŽ"
_SWAP = str.maketrans(_PLAIN, _LIKE)
# What sentences are filled in with stays as it is, or they would break.
_KEPT = re.compile(r"(%\(\w+\)[a-z]|%[a-z%]|\{\{ \w+ \}\}|\{\w+\}|<[^>]*>)")


def swapped(text: str) -> str:
    """The text in letters that are not plain."""
    parts = _KEPT.split(text)
    return "".join(part if n % 2 else part.translate(_SWAP) for n, part in enumerate(parts))


def write(directory: Path, messages: list[Message]) -> None:
    """A compiled message file of this language below a directory for LOCALE_PATHS."""
    texts = {
        "": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n"
    }
    for message in messages:
        key = f"{message.key}\0{message.plural}" if message.plural else message.key
        texts[key] = "\0".join(swapped(form) for form in message.forms)
    file = directory / CODE / "LC_MESSAGES" / "django.mo"
    file.parent.mkdir(parents=True)
    file.write_bytes(compiled(texts))


def compiled(texts: dict[str, str]) -> bytes:
    """Texts by their originals, as gettext's machine object file."""
    rows = sorted((key.encode(), text.encode()) for key, text in texts.items())
    start = 28 + 16 * len(rows)
    tables, words = [b"", b""], b""
    for column in (0, 1):
        for row in rows:
            tables[column] += struct.pack("<II", len(row[column]), start + len(words))
            words += row[column] + b"\0"
    header = struct.pack("<7I", 0x950412DE, 0, len(rows), 28, 28 + 8 * len(rows), 0, start)
    return header + tables[0] + tables[1] + words
