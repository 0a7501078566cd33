"""Messages in the language of whoever gets them, whoever caused them and whatever language a worker has."""

from __future__ import annotations

import pytest
from django.core import mail
from django.utils import timezone, translation
from icalendar import Calendar

from content.models import MessageTemplate
from sessions_app import delivery, services
from sessions_app.messages import write_letter
from sessions_app.models import Notification
from sessions_app.wording import SHIPPED, kind_named, sample_of, template_name
from tests.hours import open_window
from tests.people import alice, bob

pytestmark = pytest.mark.django_db


def sent():
    """What Alice, who reads Spanish, and Bob, who does not, get of a booking."""
    mentee = alice(language="es", time_zone="Europe/Madrid").mentee
    window = open_window(bob().mentor)
    services.book_session(
        mentor_id=window.mentor_id, mentee=mentee, by=mentee.user, starts_at=window.starts_at,
        goal="Fondos", clock=timezone.now,
    )  # fmt: skip
    delivery.send_due(clock=timezone.now)
    by_person = {message.to[0]: message for message in mail.outbox}
    return by_person["alice@example.com"], by_person["bob@example.com"]


def event_in(message):
    [part] = [part for part, kind in message.alternatives if kind.startswith("text/calendar")]
    return Calendar.from_ical(part).walk("VEVENT")[0]


def test_each_reads_their_own_language_in_words_dates_and_calendar():
    hers, his = sent()
    assert hers.subject.startswith("Reservada: Bob Mentor y Alice Founder, ")
    assert " de 20" in hers.subject
    assert "Tu sesión con Bob Mentor está reservada." in hers.body
    assert "Dónde: En línea" in hers.body
    assert his.subject.startswith("Booked: Bob Mentor and Alice Founder, ")
    assert event_in(hers)["SUMMARY"] == "Horas de consulta: Bob Mentor y Alice Founder"
    assert event_in(his)["SUMMARY"] == "Office hours: Bob Mentor and Alice Founder"
    assert 'lang="es"' in str(hers.alternatives[0][0])


def test_a_program_managers_words_are_found_whoever_reads():
    """Its template has one name, and the message another in each language."""
    MessageTemplate.objects.create(
        name="Session booked", subject="Hooray", body="For {{ recipient_name }}"
    )
    hers, his = sent()
    assert (hers.subject, his.subject) == ("Hooray", "Hooray")


def test_the_name_of_a_template_stays_in_every_language():
    with translation.override("es"):
        assert str(Notification.Kind.BOOKED.label) == "Sesión reservada"
        assert template_name(Notification.Kind.BOOKED) == "Session booked"
        assert kind_named("session BOOKED") == Notification.Kind.BOOKED


@pytest.mark.parametrize("kind", list(SHIPPED))
def test_every_message_keeps_its_facts_and_links_in_spanish(kind):
    """A colon that a translation loses would turn a button into a sentence."""
    values = sample_of(kind)
    english = write_letter(SHIPPED[kind], values)
    with translation.override("es"):
        spanish = write_letter(SHIPPED[kind], values)
    for part in ("<a ", "<dt", "<tr", "<p"):
        assert spanish.html.count(part) == english.html.count(part)
    assert spanish.subject != english.subject
    assert "Hello" not in spanish.text
