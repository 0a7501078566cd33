"""A due message as an e-mail: words, HTML, and the calendar event."""

from __future__ import annotations

from datetime import datetime
from email.mime.text import MIMEText
from email.utils import parseaddr
from typing import Literal

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.selectors import program
from content.models import MessageTemplate
from sessions_app.calendar_file import CalendarEvent, Method, calendar_file
from sessions_app.models import Notification, Session, SessionEvent
from sessions_app.wording import SHIPPED, Wording, fill

# A calendar is told only where its event changes; a reminder of the same event would be noise.
CALENDAR_METHOD: dict[str, Method] = {
    Notification.Kind.BOOKED: "REQUEST",
    Notification.Kind.REQUESTED: "REQUEST",
    Notification.Kind.MOVED: "REQUEST",
    Notification.Kind.CANCELLED: "CANCEL",
}


def session_url(session: Session) -> str:
    return f"{settings.SITE_URL}/sessions/{session.pk}/"


def compose(notification: Notification, *, now: datetime) -> EmailMultiAlternatives:
    """The e-mail of a due message, in the recipient's language and zone."""
    session, recipient = notification.session, notification.recipient
    if session is None:
        raise NotImplementedError("Offers from the waitlist have no words yet.")
    with translation.override(recipient.language), timezone.override(recipient.zone):
        words = wording(notification.kind)
        variables = variables_of(session, recipient, kind=notification.kind)
        # On one line, whatever people are called: a line break in a header stops the mail for good.
        subject = " ".join(fill(words.subject, variables).split())
        text = fill(words.body, variables)
        html = render_to_string(
            "email/message.html",
            {
                "subject": subject,
                "text": text,
                "url": session_url(session),
                "program": program(),
            },
        )
        mail = EmailMultiAlternatives(
            subject=subject,
            body=text,
            to=[recipient.email],
            headers={"Message-ID": notification.message_id, "Auto-Submitted": "auto-generated"},
        )
        mail.attach_alternative(html, "text/html")
        method = CALENDAR_METHOD.get(notification.kind)
        if method:
            _attach_event(mail, event_of(session, recipient), method, now)
    return mail


def wording(kind: str) -> Wording:
    """The PM's template of that name if there is an active one with a body, else the shipped words."""
    label = Notification.Kind(kind).label
    own = MessageTemplate.objects.filter(
        name__iexact=label, channel=MessageTemplate.Channel.EMAIL, is_active=True
    ).first()
    shipped = SHIPPED[kind]
    if own is None or not own.body.strip():
        return shipped
    return Wording(own.subject.strip() or shipped.subject, own.body)


def variables_of(session: Session, recipient: User, *, kind: str = "") -> dict[str, str]:
    """The values of every variable a template may use. Times are in the active zone."""
    mentor, mentee = session.mentor.user, session.mentee.user
    other = mentee if recipient.pk == mentor.pk else mentor
    reason = ""
    if kind == Notification.Kind.CANCELLED:
        event = SessionEvent.objects.filter(session=session, to_status="cancelled").last()
        reason = event.reason if event else ""
    local = timezone.localtime(session.starts_at)
    return {
        "recipient_name": recipient.get_short_name(),
        "other_name": str(other),
        "mentor_name": str(mentor),
        "mentee_name": str(mentee),
        "when": f"{date_format(local, 'D j F Y, H:i')} ({recipient.zone.key.replace('_', ' ')})",
        "minutes": str(int((session.ends_at - session.starts_at).total_seconds() // 60)),
        "where": session.meeting.location or _("Online"),
        "goal": session.goal,
        "session_url": session_url(session),
        "program_name": program().name,
        "reason": reason,
    }


def event_of(session: Session, recipient: User) -> CalendarEvent:
    """The session as the event that goes into this person's calendar."""
    status: Literal["CONFIRMED", "TENTATIVE", "CANCELLED"] = "CONFIRMED"
    if session.status == Session.Status.CANCELLED:
        status = "CANCELLED"
    elif session.status == Session.Status.PENDING:
        status = "TENTATIVE"
    mentor, mentee = session.mentor.user, session.mentee.user
    name, email = parseaddr(settings.DEFAULT_FROM_EMAIL)
    url = session_url(session)
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
