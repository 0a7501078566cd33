"""Invitations say what a program manager wants them to say, and our own words where nobody wrote any."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from accounts import services as accounts
from content.models import MessageTemplate
from sessions_app.wording import INVITED_MENTEE, INVITED_MENTOR, sample_of, template_name
from sync import invitations, letters
from tests.config.console import console
from tests.people import carol

pytestmark = pytest.mark.django_db
TEMPLATES = "/admin/content/messagetemplate/"


@pytest.fixture
def dana():
    """Entered as a mentor, and about to be invited."""
    return invite("dana@example.com")


def invite(email, subject="mentor"):
    user = accounts.admit(email=email, name="Dana New", role=subject, now=timezone.now())
    invitations.invite(user=user, subject=subject, appeared_at=timezone.now(), now=timezone.now())
    return user


def the_mail():
    letters.send_due(clock=lambda: timezone.now() + timedelta(minutes=1))
    [message] = mail.outbox
    return message


def test_our_own_words_where_there_are_no_others(dana):
    message = the_mail()
    assert message.subject == "You are invited to Office Hours"
    assert "/welcome/" in message.body


def test_a_managers_words_take_their_place(dana):
    console(carol()).post(
        f"{TEMPLATES}add/",
        {
            "name": "Invitation of a mentor",
            "channel": "email",
            "subject": "Dear {{ recipient_name }}",
            "body": "We met in Porto.\n\nBegin: {{ claim_url }}\n\nFor {{ mentee_name }}: {{ when }}",
            "is_active": "on",
        },
    )
    message = the_mail()
    assert message.subject == "Dear Dana"
    assert "We met in Porto." in message.body
    assert "Begin: http" in message.body
    assert "/welcome/" in message.body
    assert "{{" not in message.body  # what an invitation knows nothing of is empty
    assert "For" not in message.body


def test_mentors_and_mentees_have_words_of_their_own():
    MessageTemplate.objects.create(
        name="invitation of a MENTOR", body="For mentors: {{ claim_url }}"
    )
    invite("eli@example.com", "mentee")
    assert "find a mentor" in the_mail().body


@pytest.mark.parametrize("kind", [INVITED_MENTOR, INVITED_MENTEE])
def test_the_console_offers_them_and_shows_what_an_invitation_has(kind):
    desk = console(carol())
    page = desk.get(f"{TEMPLATES}add/", {"name": template_name(kind)}).content.decode()
    assert "has entered you" in page
    shown = {name for name, value in sample_of(kind).items() if value}
    assert shown == {"recipient_name", "program_name", "address", "claim_url"}
    preview = desk.get(f"{TEMPLATES}preview/", {"name": template_name(kind), "body": ""})
    assert "Start here" in preview.content.decode()
