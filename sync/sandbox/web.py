"""Requests and replies, apart from the sockets they come by."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from email.message import Message
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from sync.sandbox.errors import ApiError
from sync.sandbox.model import Json

if TYPE_CHECKING:
    from sync.sandbox.witness import Edit

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Forbidden(Exception):
    """A page from elsewhere tried to drive the sandbox."""


@dataclass(frozen=True)
class Request:
    """One request, fully read."""

    method: str
    target: str
    headers: Message
    body: bytes = b""

    def header(self, name: str, default: str = "") -> str:
        """A header, however its name was capitalised."""
        return str(self.headers.get(name, default))

    @property
    def path(self) -> str:
        """The path as it was sent."""
        return urlsplit(self.target).path

    @property
    def segments(self) -> list[str]:
        """The path's parts, decoded: a table may be called by name."""
        return [unquote(part) for part in self.path.split("/") if part]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The query's parameters, in order."""
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    def param(self, name: str, default: str = "") -> str:
        """The last parameter of that name."""
        return dict(self.pairs).get(name, default)

    def json(self) -> Json:
        """The body as an object; none at all counts as an empty one."""
        if not self.body.strip():
            return {}
        try:
            found = json.loads(self.body)
        except ValueError as error:
            raise ApiError(400, "INVALID_REQUEST_BODY", "Could not parse request body") from error
        if not isinstance(found, dict):
            raise ApiError(400, "INVALID_REQUEST_BODY", "The request body must be an object")
        return found

    def form(self) -> dict[str, list[str]]:
        """The body of a plain HTML form."""
        found: dict[str, list[str]] = {}
        for name, value in parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True):
            found.setdefault(name, []).append(value)
        return found


@dataclass
class Reply:
    """One answer. `drop` closes the connection in its stead, after `hold` seconds."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    hold: float = 0.0
    drop: bool = False
    shows: list[Edit] = field(default_factory=list)
    """Edits that whoever gets this answer knows of."""


def json_reply(document: Any, status: int = 200) -> Reply:
    """An answer with a JSON document."""
    return Reply(status, json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())


def error_reply(error: ApiError) -> Reply:
    """The answer to what was refused."""
    reply = json_reply(error.body(), error.status)
    reply.headers.update(error.headers)
    return reply


def redirect(to: str) -> Reply:
    """See the page that shows the result, so that reloading it repeats nothing."""
    return Reply(303, b"", "text/plain; charset=utf-8", {"Location": to})


def _host(netloc: str) -> str:
    return (urlsplit(f"//{netloc}").hostname or "").lower()


def refuse_foreign_names(request: Request) -> None:
    """Answer only to this machine's own names.

    A foreign name may be pointed at 127.0.0.1, and a page from there then counts as ours.
    """
    if _host(request.header("Host")) not in LOOPBACK:
        raise Forbidden("The sandbox answers to 127.0.0.1 and localhost only.")


def refuse_foreign_pages(request: Request) -> None:
    """Let nobody's web page drive the sandbox through a visitor's browser.

    A request that changes something must come from our own page when it comes from a page at all.
    """
    if request.method in ("GET", "HEAD"):
        return
    if request.header("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("This request came from another site.")
    origin = request.header("Origin") or request.header("Referer")
    if not origin:
        return
    parts = urlsplit(origin)
    if parts.scheme != "http" or parts.netloc.lower() != request.header("Host").lower():
        raise Forbidden("This request came from another site.")
