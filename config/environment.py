"""Typed readers for the environment, used by the settings, the supervisor and the scripts alike.

Every name may also be given as NAME_FILE, a path whose content is the value: that is how Docker and
Kubernetes hand over secrets. An empty value counts as absent, because `NAME=` in an .env file is how
people switch a variable off. A wrong value stops the start with a sentence that names the variable;
the sentence never repeats the value, which may be a secret.

No Django in here: the settings and the supervisor both read this before Django exists.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from pathlib import Path
from typing import overload
from urllib.parse import urlsplit

BASE_DIR = Path(__file__).resolve().parent.parent

# Set by the supervisor for its children: the services are up and stay up, so no lease is needed.
SUPERVISED = "OFFICE_HOURS_SUPERVISED"

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})


class ConfigurationError(Exception):
    """The environment cannot be used as it is. The message is a sentence for whoever set it."""


def _from_file(name: str, file_name: str) -> str | None:
    path = Path(file_name)
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        message = f"{name}_FILE points to {path}, which cannot be read: {reason}."
        raise ConfigurationError(message) from error
    return content.strip() or None


@overload
def text(name: str, default: str) -> str: ...
@overload
def text(name: str, default: None = None) -> str | None: ...
def text(name: str, default: str | None = None) -> str | None:
    """The value of NAME, or the content of the file NAME_FILE, or the default."""
    direct = os.environ.get(name, "").strip()
    file_name = os.environ.get(f"{name}_FILE", "").strip()
    if direct and file_name:
        raise ConfigurationError(f"{name} and {name}_FILE are both set. Give one of the two.")
    if file_name:
        found = _from_file(name, file_name)
        return default if found is None else found
    return direct or default


def required(name: str, why: str) -> str:
    """The value of NAME; without one, a refusal that says why it is needed."""
    value = text(name)
    if value is None:
        raise ConfigurationError(f"{name} is not set. {why}")
    return value


def flag(name: str, default: bool) -> bool:  # noqa: FBT001  read like every other reader here
    """A switch: 1/0, true/false, yes/no, on/off."""
    value = text(name)
    if value is None:
        return default
    if value.lower() in _YES:
        return True
    if value.lower() in _NO:
        return False
    raise ConfigurationError(f"{name} must be 1 or 0 (true/false, yes/no and on/off work too).")


@overload
def integer(
    name: str, default: int, minimum: int | None = None, maximum: int | None = None
) -> int: ...
@overload
def integer(
    name: str, default: None = None, minimum: int | None = None, maximum: int | None = None
) -> int | None: ...
def integer(
    name: str, default: int | None = None, minimum: int | None = None, maximum: int | None = None
) -> int | None:
    """A whole number within the given bounds, which are part of the allowed range."""
    value = text(name)
    if value is None:
        return default
    try:
        number = int(value)
    except ValueError:
        raise ConfigurationError(f"{name} must be a whole number.") from None
    if minimum is not None and number < minimum:
        raise ConfigurationError(f"{name} must be at least {minimum}; it is {number}.")
    if maximum is not None and number > maximum:
        raise ConfigurationError(f"{name} must be at most {maximum}; it is {number}.")
    return number


@overload
def choice(name: str, choices: Iterable[str], default: str) -> str: ...
@overload
def choice(name: str, choices: Iterable[str], default: None = None) -> str | None: ...
def choice(name: str, choices: Iterable[str], default: str | None = None) -> str | None:
    """One of the given words."""
    value = text(name)
    allowed = list(choices)
    if value is None or value in allowed:
        return value or default
    raise ConfigurationError(f"{name} must be one of: {', '.join(allowed)}.")


def listing(name: str, default: Iterable[str] = ()) -> list[str]:
    """A comma-separated list, without blanks."""
    value = text(name)
    if value is None:
        return list(default)
    return [item.strip() for item in value.split(",") if item.strip()]


def path(name: str, default: Path) -> Path:
    """A folder or file, absolute; a relative one is read from the project's own folder."""
    value = text(name)
    return default if value is None else (BASE_DIR / Path(value).expanduser()).absolute()


@overload
def url(name: str, default: str, schemes: Iterable[str] = ...) -> str: ...
@overload
def url(name: str, default: None = None, schemes: Iterable[str] = ...) -> str | None: ...
def url(name: str, default: str | None = None, schemes: Iterable[str] = ()) -> str | None:
    """An address with a scheme; for http and https also with a host, and without a closing slash.

    The closing slash goes because `f"{SITE_URL}/sessions/"` is how these are used.
    """
    value = text(name)
    if value is None:
        return default
    allowed = list(schemes)
    try:
        parts = urlsplit(value)
        _ = parts.port  # reading it is what checks it
    except ValueError:
        raise ConfigurationError(f"{name} is not an address that can be read.") from None
    if not parts.scheme or (allowed and parts.scheme not in allowed):
        example = " or ".join(f"{scheme}://" for scheme in allowed) or "a scheme such as https://"
        raise ConfigurationError(f"{name} must be an address that starts with {example}.")
    if parts.scheme in {"http", "https"}:
        if not parts.hostname:
            raise ConfigurationError(f"{name} must name a host, as in https://example.com.")
        return value.rstrip("/")
    return value


def var_dir() -> Path:
    """Where the embedded services keep their state."""
    return path("VAR_DIR", BASE_DIR / "var")


def is_loopback_host(host: str) -> bool:
    """Whether only this machine can reach that host name or address."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_loopback_url(address: str) -> bool:
    """Whether that URL points to this machine."""
    try:
        host = urlsplit(address).hostname
    except ValueError:
        return False
    return host is not None and is_loopback_host(host)
