"""Identifiers as Airtable makes them: three letters and fourteen alphanumerics."""

from __future__ import annotations

import hashlib
import re
import secrets
import string

ALPHABET = string.ascii_letters + string.digits
_ID = re.compile(r"[a-z]{3}[A-Za-z0-9]{14}")


def random_id(prefix: str) -> str:
    """A new identifier."""
    return prefix + "".join(secrets.choice(ALPHABET) for _ in range(14))


def stable_id(prefix: str, *names: str) -> str:
    """An identifier that depends on the names alone.

    The default base must look the same on every machine and after every reset, so that an id
    noted yesterday still names the same field today.
    """
    number = int.from_bytes(hashlib.sha256("\x1f".join(names).encode()).digest(), "big")
    letters = []
    for _ in range(14):
        number, index = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[index])
    return prefix + "".join(letters)


def is_id(value: object, prefix: str) -> bool:
    """Whether this could be an identifier of that kind."""
    return isinstance(value, str) and value.startswith(prefix) and bool(_ID.fullmatch(value))
