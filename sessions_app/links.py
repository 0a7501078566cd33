"""Links in mails that act for one person without signing in.

A link carries what it may do, to which row, for whom, and at which version of it, under a signature
with a salt of its own for each verb: a link that gives feedback can never cancel. Nothing is stored,
and no id in an address can be changed for another. Whoever opens one sees; only a POST acts, because
mail scanners open links too.
"""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.dates import date_format
from accounts.models import User
from accounts.refusals import NotFound
from sessions_app import selectors
from sessions_app.models import Session
from sessions_app.refusals import LinkExpired


class Verb(StrEnum):
    """What a link does. The value is the first letter of its token."""

    MOVE = "m"
    CANCEL = "c"
    FEEDBACK = "f"
    OFFER = "o"
    UNSUBSCRIBE = "u"


# Sessions and holds end a link's use long before; feedback is worth little after two months; and an
# unsubscribe link in an old mail should still work.
LIVES_FOR = {
    Verb.MOVE: timedelta(days=365),
    Verb.CANCEL: timedelta(days=365),
    Verb.FEEDBACK: timedelta(days=60),
    Verb.OFFER: timedelta(days=60),
    Verb.UNSUBSCRIBE: timedelta(days=730),
}
_SHAPE = struct.Struct(">16s16sI")
_NO_VERSION = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is genuine. `user` is whom it was sent to and for whom it acts."""

    verb: Verb
    row_id: UUID
    user: User
    version: int | None


def make_link(verb: Verb, *, row_id: UUID, user_id: UUID, version: int | None = None) -> str:
    """The whole address of a link.

    Args:
        row_id: the session, hold or notification that it is about.
        version: of the session: once that has changed, the link does nothing any more.
    """
    content = _SHAPE.pack(row_id.bytes, user_id.bytes, _NO_VERSION if version is None else version)
    text = base64.urlsafe_b64encode(content).rstrip(b"=").decode()
    return f"{settings.SITE_URL}/l/{verb}{_signer(verb).sign(text)}/"


def read_link(token: str, *, max_age: timedelta | None = None) -> Link:
    """What a token says, if we made it and its person may still act.

    Args:
        max_age: how old it may be; by default what its verb allows.

    Raises:
        LinkExpired: tampered with, too old, or of a person who is suspended or gone.
    """
    try:
        verb = Verb(token[:1])
        text = _signer(verb).unsign(token[1:], max_age=max_age or LIVES_FOR[verb])
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        row, person, version = _SHAPE.unpack(content)
    except signing.SignatureExpired as error:
        raise LinkExpired(_("This link is too old. Sign in to see how things are now.")) from error
    except (signing.BadSignature, ValueError, binascii.Error, struct.error) as error:
        raise LinkExpired(
            _("This link is not complete. Open it from the mail again, or sign in.")
        ) from error
    user = User.objects.filter(pk=UUID(bytes=person), is_active=True).first()
    if user is None:
        raise LinkExpired(_("This link does nothing any more."))
    return Link(verb, UUID(bytes=row), user, None if version == _NO_VERSION else version)


def session_of(link: Link) -> Session:
    """The session that a link is about, if it is still as the link knew it.

    Raises:
        LinkExpired: it was moved, answered or cancelled since; the sentence says how it is now.
    """
    try:
        session = selectors.session_for(user=link.user, session_id=link.row_id)
    except NotFound as error:
        raise LinkExpired(_("This link does nothing any more.")) from error
    if link.version is not None and link.version != session.version:
        raise LinkExpired(as_it_is_now(session))
    return session


def as_it_is_now(session: Session) -> str:
    """Why an old link does nothing: in a sentence, on the clock of whoever reads it."""
    when = date_format(timezone.localtime(session.starts_at), "l j F Y, H:i")
    if session.status == Session.Status.CANCELLED:
        return _("This session was cancelled. It was to be on %(when)s.") % {"when": when}
    if not session.is_live:
        return _("This session is over. It was on %(when)s.") % {"when": when}
    return _(
        "This session has changed since that mail was written. It is now on %(when)s; "
        "the latest mail about it has links that work."
    ) % {"when": when}


def _signer(verb: Verb) -> signing.TimestampSigner:
    return signing.TimestampSigner(sep=".", salt=f"sessions_app.links.{verb.name.lower()}")
