"""A due message as an e-mail: words, HTML, and the calendar event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.mime.text import MIMEText
from email.utils import parseaddr
from typing import Literal

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.selectors import program
from content.models import MessageTemplate
from sessions_app.calendar_file import CalendarEvent, Method, calendar_file
from sessions_app.links import Verb, make_link
from sessions_app.mail_html import blocks
from sessions_app.models import Notification, Session
from sessions_app.preferences import OPTIONAL
from sessions_app.variables import session_url, variables_of
from sessions_app.wording import SHIPPED, Wording, Words, fill, template_name

# A calendar is told only where its event changes; a reminder of the same event would be noise.
CALENDAR_METHOD: dict[str, Method] = {
    Notification.Kind.BOOKED: "REQUEST",
    Notification.Kind.REQUESTED: "REQUEST",
    Notification.Kind.MOVED: "REQUEST",
    Notification.Kind.CANCELLED: "CANCEL",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A message in words, before it is addressed."""

    subject: str
    text: str
    html: str


def compose(notification: Notification, *, now: datetime) -> EmailMultiAlternatives:
    """The e-mail of a due message, in the recipient's language and zone."""
    session, recipient = notification.session, notification.recipient
    with translation.override(recipient.language), timezone.override(recipient.zone):
        stop = _stop_link(notification)
        letter = write_letter(
            wording(notification.kind), variables_of(notification, now=now), stop=stop
        )
        mail = EmailMultiAlternatives(
            subject=letter.subject,
            body=letter.text,
            to=[recipient.email],
            headers={"Message-ID": notification.message_id, "Auto-Submitted": "auto-generated"},
        )
        # A provider hands this back with its news of the mail; others do not look at it.
        mail.metadata = {"notification": str(notification.pk)}  # type: ignore[attr-defined]
        if stop:
            mail.extra_headers["List-Unsubscribe"] = f"<{stop}>"
            mail.extra_headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        mail.attach_alternative(letter.html, "text/html")
        method = CALENDAR_METHOD.get(notification.kind)
        if method and session is not None:
            _attach_event(mail, event_of(session, recipient), method, now)
    return mail


def write_letter(words: Words, variables: Mapping[str, str], *, stop: str = "") -> Letter:
    """The words filled in, as text and as HTML.

    Args:
        stop: the address that turns messages like this off, for those that can be.
    """
    # On one line, whatever people are called: a line break in a header stops the mail for good.
    subject = " ".join(fill(words.subject, variables).split())
    text = fill(words.body, variables)
    context = {
        "subject": subject,
        "text": text,
        "blocks": blocks(words.body, variables),
        "stop": stop,
        "program": program(),
    }
    html = render_to_string("email/message.html", context)
    if stop:
        text += "\n\n-- \n" + _("Stop messages like this one: %(address)s") % {"address": stop}
    return Letter(subject, text, html)


def wording(kind: str) -> Words:
    """The PM's template of that name if there is an active one with a body, else the shipped words."""
    own = MessageTemplate.objects.filter(
        name__iexact=template_name(kind), channel=MessageTemplate.Channel.EMAIL, is_active=True
    ).first()
    shipped = SHIPPED[kind]
    if own is None or not own.body.strip():
        return shipped
    return Wording(own.subject.strip() or shipped.subject, own.body)


def event_of(session: Session, recipient: User) -> CalendarEvent:
    """The session as the event that goes into this person's calendar."""
    status: Literal["CONFIRMED", "TENTATIVE", "CANCELLED"] = "CONFIRMED"
    if session.status == Session.Status.CANCELLED:
        status = "CANCELLED"
    elif session.status == Session.Status.PENDING:
        status = "TENTATIVE"
    mentor, mentee = session.mentor.user, session.mentee.user
    name, email = parseaddr(settings.DEFAULT_FROM_EMAIL)
    url = session_url(session.pk)
    return CalendarEvent(
        uid=session.ical_uid,
        sequence=session.version - 1,
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        summary=_("Office hours: %(mentor)s and %(mentee)s") % {"mentor": mentor, "mentee": mentee},
        description="\n\n".join(part for part in (session.goal, url) if part),
        location=session.meeting.location or url,
        url=url,
        status=status,
        organizer_name=name or program().name,
        organizer_email=email,
        attendee_name=str(recipient),
        attendee_email=recipient.email,
    )


def _stop_link(notification: Notification) -> str:
    if notification.kind not in OPTIONAL:
        return ""
    return make_link(Verb.UNSUBSCRIBE, row_id=notification.pk, user_id=notification.recipient_id)


def _attach_event(
    mail: EmailMultiAlternatives, event: CalendarEvent, method: Method, now: datetime
) -> None:
    """Twice: as an alternative, which calendars act on, and as a file, which people can open."""
    content = calendar_file(event, method=method, stamp=now).decode()
    mail.attach_alternative(content, f'text/calendar; method={method}; charset="utf-8"')
    attachment = MIMEText(content, "calendar", "utf-8")
    attachment.set_param("method", method)
    attachment.add_header("Content-Disposition", "attachment", filename="invite.ics")
    mail.attach(attachment)
