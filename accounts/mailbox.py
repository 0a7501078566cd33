"""Mail as files: what the product would have sent, to be read on a machine without a mail server."""

from __future__ import annotations

import email
import email.policy
import email.utils
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage as ParsedMessage
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

# Newest first by name: the time, then a digest of the Message-ID.
_NAME = re.compile(r"\d{8}T\d{12}-[0-9a-f]{16}\.eml")
_SHOWN = 200


class FileMailBackend(BaseEmailBackend):
    """One `.eml` per message in EMAIL_FILE_PATH, written whole or not at all.

    A Message-ID seen before replaces its earlier file: mail is sent at least once, and a repeat
    should look here like it looks in a mail program.
    """

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for message in email_messages:
            _write(folder, message)
        return len(email_messages)


def _write(folder: Path, message: EmailMessage) -> None:
    parsed = message.message()
    digest = hashlib.sha256(str(parsed["Message-ID"]).encode()).hexdigest()[:16]
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{digest}.eml"
    earlier = list(folder.glob(f"*-{digest}.eml"))
    handle, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
    with os.fdopen(handle, "wb") as file:
        file.write(parsed.as_bytes())
    os.replace(temporary, folder / name)
    for path in earlier:
        path.unlink(missing_ok=True)


@dataclass(frozen=True)
class File:
    position: int
    name: str
    type: str
    content: bytes


@dataclass(frozen=True)
class Mail:
    name: str
    sent_at: datetime
    source: bytes
    message: ParsedMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"] or "")

    @property
    def to(self) -> str:
        return str(self.message["To"] or "")

    @property
    def sender(self) -> str:
        return str(self.message["From"] or "")

    @property
    def text(self) -> str:
        return self._body("plain")

    @property
    def html(self) -> str:
        return self._body("html")

    @property
    def files(self) -> list[File]:
        return list(self._files())

    def _body(self, kind: str) -> str:
        part = self.message.get_body(preferencelist=(kind,))
        return str(part.get_content()) if part is not None else ""

    def _files(self) -> Iterator[File]:
        bodies = {id(self.message.get_body(preferencelist=(kind,))) for kind in ("plain", "html")}
        parts = (part for part in self.message.walk() if not part.is_multipart())
        for position, part in enumerate(part for part in parts if id(part) not in bodies):
            content = part.get_payload(decode=True)
            yield File(
                position=position,
                name=_harmless(part.get_filename() or _name_for(part.get_content_type())),
                type=part.get_content_type(),
                content=content if isinstance(content, bytes) else b"",
            )


def mails() -> list[Mail]:
    """The newest messages, newest first."""
    names = sorted(
        (p.name for p in _folder().glob("*.eml") if _NAME.fullmatch(p.name)), reverse=True
    )
    return [mail for mail in map(mail_named, names[:_SHOWN]) if mail is not None]


def mail_named(name: str) -> Mail | None:
    """The message in that file. Only names that we give out are looked at: no path leaves the folder."""
    if not _NAME.fullmatch(name):
        return None
    try:
        source = (_folder() / name).read_bytes()
    except OSError:  # replaced by its repeat meanwhile
        return None
    message = email.message_from_bytes(source, policy=email.policy.default)
    sent_at = datetime.strptime(name[:21], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    return Mail(name=name, sent_at=sent_at, source=source, message=message)


def _folder() -> Path:
    return Path(settings.EMAIL_FILE_PATH)


def _name_for(content_type: str) -> str:
    return "invite.ics" if content_type == "text/calendar" else "attachment"


def _harmless(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)[-80:] or "attachment"
