"""Values of the environment that mean more than a word or a number: read, or refused by name.

Like `config.environment`, no sentence repeats the value, which may hold a password.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import re
from decimal import Decimal, InvalidOperation
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from config import environment
from config.environment import ConfigurationError

_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*\.?")
_SERVED_HOST = re.compile(r"\*|\.?[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
WEB = ("http", "https")
POSTGRES = ("postgres", "postgresql", "psql", "pgsql", "postgis")


def bind(default: str) -> str:
    """The address or name that the web server listens on."""
    value = environment.text("BIND", default)
    try:
        ipaddress.ip_address(value.strip("[]"))
    except ValueError:
        if not _HOST_NAME.fullmatch(value) or value.replace(".", "").isdigit():
            raise ConfigurationError(
                "BIND must be an address or a host name of this machine, like 127.0.0.1 or 0.0.0.0."
            ) from None
    return value


def hosts(default: list[str]) -> list[str]:
    """The names that this site answers to."""
    found = environment.listing("ALLOWED_HOSTS", default)
    if not all(_SERVED_HOST.fullmatch(host) for host in found):
        raise ConfigurationError(
            "ALLOWED_HOSTS must be host names with commas between them, without https:// or a port."
        )
    return found


def database(value: str) -> dict[str, Any]:
    """DATABASE_URL as Django wants it."""
    if value.partition(":")[0] not in POSTGRES:
        raise ConfigurationError("DATABASE_URL must be a postgres:// address.")
    try:
        found: dict[str, Any] = dict(environ.Env.db_url_config(value))
    except ValueError:
        raise ConfigurationError("DATABASE_URL is not an address that can be read.") from None
    if not found.get("NAME"):
        raise ConfigurationError(
            "DATABASE_URL names no database. It goes at the end: postgres://user:password@host/name."
        )
    return found


def redis() -> str | None:
    """REDIS_URL, for the cache and the queues."""
    return environment.url("REDIS_URL", None, ["redis", "rediss", "unix"])


def mail(value: str) -> dict[str, Any]:
    """EMAIL_URL as Django's settings."""
    try:
        return dict(environ.Env.email_url_config(value))
    except (ValueError, ImproperlyConfigured):
        raise ConfigurationError(
            "EMAIL_URL is not an address of mail that can be read. It looks like "
            "smtp+tls://user:password@host:587."
        ) from None


def mail_provider(name: str) -> str:
    """The backend of an ANYMAIL_BACKEND."""
    if not name.isidentifier() or importlib.util.find_spec(f"anymail.backends.{name}") is None:
        raise ConfigurationError(
            "ANYMAIL_BACKEND is not the name of a provider that anymail knows, like sendgrid."
        )
    return f"anymail.backends.{name}.EmailBackend"


def sender(default: str) -> str:
    """Whom our mail is from."""
    value = environment.text("DEFAULT_FROM_EMAIL", default)
    name, _, domain = parseaddr(value)[1].rpartition("@")
    if not name or not domain or len(value.splitlines()) > 1:
        raise ConfigurationError(
            "DEFAULT_FROM_EMAIL must be an e-mail address, like Office Hours <hours@example.com>."
        )
    return value


def base_id() -> str | None:
    """AIRTABLE_BASE_ID."""
    value = environment.text("AIRTABLE_BASE_ID")
    if value is not None and not re.fullmatch(r"app[A-Za-z0-9]+", value):
        raise ConfigurationError(
            "AIRTABLE_BASE_ID must be the base's id, which starts with app and stands in its address."
        )
    return value


def webhook_secrets() -> list[str]:
    """AIRTABLE_WEBHOOK_SECRET: one, or two while the old one gives way to the new."""
    found = environment.listing("AIRTABLE_WEBHOOK_SECRET")
    if len(found) > 2:
        raise ConfigurationError(
            "AIRTABLE_WEBHOOK_SECRET holds one secret, or two with a comma between them."
        )
    return found


def oauth_apps(*providers: str) -> dict[str, Any]:
    """allauth's settings of those providers whose NAME_CLIENT_ID and NAME_CLIENT_SECRET are set."""
    found: dict[str, Any] = {}
    for provider in providers:
        names = [f"{provider.upper()}_CLIENT_{part}" for part in ("ID", "SECRET")]
        given = [environment.text(name) for name in names]
        if not any(given):
            continue
        for name, other in (names, names[::-1]):
            environment.required(name, f"{other} is set, and one is no use without the other.")
        app = {"client_id": given[0], "secret": given[1], "key": ""}
        found[provider] = {"APPS": [app]}
    return found


def host_of(address: str) -> str:
    """The host of an address, as ALLOWED_HOSTS writes it."""
    host = urlsplit(address).hostname or ""
    return f"[{host}]" if ":" in host else host


def amounts(name: str, default: str) -> tuple[Decimal, ...]:
    """Amounts of money, as many as the default has, with commas between them."""
    values = environment.listing(name, default.split(","))
    try:
        found = tuple(Decimal(value) for value in values)
    except InvalidOperation:
        found = ()
    wanted = len(default.split(","))
    if len(found) != wanted or not all(value.is_finite() and value >= 0 for value in found):
        many = "a number" if wanted == 1 else f"{wanted} numbers with commas between them"
        raise ConfigurationError(f"{name} must be {many}, in US dollars, like {default}.")
    return found
