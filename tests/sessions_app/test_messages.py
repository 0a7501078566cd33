"""Messages: written with their cause, sent by a worker, once; the calendar follows."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from icalendar import Calendar

from accounts.models import ProgramSettings
from benchmarks.servers import ROOT, environment
from content.models import MessageTemplate
from sessions_app import delivery, services
from sessions_app.models import Notification
from sessions_app.wording import SHIPPED, VARIABLES, fill
from tests.hours import open_window
from tests.people import alice, bob
from tests.standins.smtp import MailServer

pytestmark = pytest.mark.django_db


def booked(goal="Meet funds", **changes):
    mentee = alice(time_zone="Europe/Berlin").mentee
    window = open_window(bob(time_zone="America/New_York", **changes).mentor, location="")
    return services.book_session(
        mentor_id=window.mentor_id,
        mentee=mentee,
        by=mentee.user,
        starts_at=window.starts_at,
        goal=goal,
        clock=timezone.now,
    )


def later(**delta):
    return lambda: timezone.now() + timedelta(**delta)


def event_in(message):
    [part] = [p for p, kind in message.alternatives if kind.startswith("text/calendar")]
    calendar = Calendar.from_ical(part)
    return calendar["METHOD"], calendar.walk("VEVENT")[0]


class TestBooked:
    def test_both_get_one_mail_in_their_own_time_with_an_invitation(self):
        session = booked()

        assert delivery.send_due(clock=timezone.now) == 2
        assert delivery.send_due(clock=timezone.now) == 0

        by_person = {message.to[0]: message for message in mail.outbox}
        assert set(by_person) == {"alice@example.com", "bob@example.com"}
        hers, his = by_person["alice@example.com"], by_person["bob@example.com"]
        assert "Europe/Berlin" in hers.subject
        assert "America/New York" in his.subject
        assert "Your session with Bob Mentor is booked" in hers.body
        assert "Meet funds" in his.body
        assert f"/sessions/{session.pk}/" in hers.body
        assert "meet.jit.si" not in str(hers.message()), (
            "The room opens on the page, not in a mail."
        )
        method, event = event_in(hers)
        assert (method, event["UID"]) == ("REQUEST", f"{session.pk}@office-hours")
        assert (event["SEQUENCE"], event["STATUS"]) == (0, "CONFIRMED")
        assert event["DTSTART"].dt == session.starts_at
        assert "bob@example.com" not in str(hers.message()), "Addresses are not shared."

    def test_the_calendar_part_names_its_method_and_the_file_can_be_opened(self):
        booked()
        delivery.send_due(clock=timezone.now)

        parts = list(mail.outbox[0].message().walk())

        types = [part["Content-Type"] for part in parts if "text/calendar" in part["Content-Type"]]
        assert len(types) == 2
        assert all("method=" in kind and "REQUEST" in kind for kind in types)
        assert [part.get_filename() for part in parts if part.get_filename()] == ["invite.ics"]

    def test_cancelling_cancels_the_same_event(self):
        session = booked()
        delivery.send_due(clock=timezone.now)
        mail.outbox.clear()

        services.cancel_session(
            session_id=session.pk, by=session.mentee.user, reason="Ill", clock=timezone.now
        )
        delivery.send_due(clock=timezone.now)

        assert len(mail.outbox) == 2
        method, event = event_in(mail.outbox[0])
        assert (method, event["STATUS"]) == ("CANCEL", "CANCELLED")
        assert (event["UID"], event["SEQUENCE"]) == (f"{session.pk}@office-hours", 1)
        assert "Ill" in mail.outbox[0].body

    def test_reminders_come_a_day_and_an_hour_before_and_not_after_a_cancellation(self):
        session = booked()
        delivery.send_due(clock=timezone.now)
        mail.outbox.clear()
        day_before = session.starts_at - timedelta(days=1) - timezone.now()

        delivery.send_due(clock=later(seconds=day_before.total_seconds() - 60))
        assert mail.outbox == []
        delivery.send_due(clock=later(seconds=day_before.total_seconds() + 60))
        assert [m.subject for m in mail.outbox if "alice@example.com" in m.to] == [
            "Tomorrow: your session with Bob Mentor"
        ]
        assert not any(kind.startswith("text/calendar") for _, kind in mail.outbox[0].alternatives)
        mail.outbox.clear()
        services.cancel_session(session_id=session.pk, by=None, reason="", clock=timezone.now)
        delivery.send_due(clock=later(days=10))
        assert {m.subject.split(":")[0] for m in mail.outbox} == {"Cancelled"}

    def test_what_people_type_cannot_break_a_header_or_the_html(self):
        booked(goal="<script>alert(1)</script>\nBcc: x@example.com")
        delivery.send_due(clock=timezone.now)

        html = next(part for part, kind in mail.outbox[0].alternatives if kind == "text/html")

        assert "<script>" not in html
        assert "&lt;script&gt;" in html
        assert mail.outbox[0].bcc == []

    @pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\u2028"])
    def test_a_line_break_in_a_name_does_not_stop_the_mails(self, line_break):
        booked(name=f"Bob{line_break}Bcc: x@example.com")

        assert delivery.send_due(clock=timezone.now) == 2

        for message in mail.outbox:
            assert message.subject.startswith("Booked: Bob Bcc: x@example.com and Alice")
            assert message.message()["Bcc"] is None
            assert event_in(message)[1]["ATTENDEE"].params["CN"].startswith(("Alice", "Bob Bcc"))

    def test_a_suspended_person_gets_no_mail(self):
        session = booked()
        type(session.mentee.user).objects.filter(email="alice@example.com").update(
            status="suspended"
        )

        delivery.send_due(clock=timezone.now)

        assert [message.to for message in mail.outbox] == [["bob@example.com"]]


class TestWords:
    def test_a_pms_template_takes_the_place_of_ours(self):
        ProgramSettings.objects.create(name="Harbour")
        MessageTemplate.objects.create(
            name="session booked",
            subject="{{ program_name }}: {{ when }}",
            body="Dear {{ recipient_name }}, {{ nonsense }} {{ goal.__class__ }}",
        )
        booked()
        delivery.send_due(clock=timezone.now)

        message = next(m for m in mail.outbox if m.to == ["alice@example.com"])

        assert message.subject.startswith("Harbour: ")
        assert message.body == "Dear Alice, {{ nonsense }} {{ goal.__class__ }}"

    def test_an_inactive_or_empty_template_does_not(self):
        MessageTemplate.objects.create(name="Session booked", body="No", is_active=False)
        booked()
        delivery.send_due(clock=timezone.now)

        assert "is booked" in mail.outbox[0].body

    @pytest.mark.parametrize("kind", list(SHIPPED))
    def test_the_shipped_words_use_known_variables(self, kind):
        values = {name: f"[{name}]" for name in VARIABLES}

        assert "{{" not in fill(SHIPPED[kind].subject + SHIPPED[kind].body, values)

    def test_a_line_about_nothing_is_left_out(self):
        assert fill("A\nGoal: {{ goal }}\nB", {"goal": ""}) == "A\nB"


class TestDelivery:
    def test_a_failing_server_is_tried_again(self, settings):
        booked()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        with MailServer() as server:
            settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port

        assert delivery.send_due(clock=timezone.now) == 0  # nobody listens now

        waiting = Notification.objects.filter(kind="booked", state="due")
        assert waiting.count() == 2
        assert all(row.next_attempt_at > timezone.now() for row in waiting)


@pytest.mark.django_db(transaction=True)
class TestAWorkerDies:
    def test_killed_between_commit_and_mail_the_mail_still_goes_out_once(self, settings):
        booked()
        with socket.create_server(("127.0.0.1", 0)) as stuck:
            # A mail server that accepts the connection and never greets: the worker has claimed its
            # row and is in the middle of sending when it is killed.
            worker = subprocess.Popen(
                [sys.executable, "-c", _WORKER],
                cwd=ROOT,
                env=environment(EMAIL_URL=f"smtp://127.0.0.1:{stuck.getsockname()[1]}"),
            )
            stuck.settimeout(60)
            connection, _address = stuck.accept()
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            connection.close()
        assert Notification.objects.filter(kind="booked", attempts=1).count() == 1

        with MailServer() as server:
            settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
            settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
            delivery.send_due(clock=timezone.now)
            delivery.send_due(clock=later(seconds=61))
            delivery.send_due(clock=later(seconds=122))

            assert sorted(m["To"] for m in server.accepted) == [
                "alice@example.com",
                "bob@example.com",
            ]
            assert len({message["Message-ID"] for message in server.accepted}) == 2

    def test_killed_between_acceptance_and_commit_the_repeat_is_recognised_as_one(self, settings):
        """Trap 24 at its very end: the server has the mail, and nobody could write that down."""
        booked()
        Notification.objects.filter(recipient__email="bob@example.com").delete()
        with MailServer() as server:
            worker = subprocess.Popen(
                [sys.executable, "-c", _WORKER], cwd=ROOT, env=environment(EMAIL_URL=server.url)
            )
            server.when_accepted(worker.kill)
            assert worker.wait(60) == -signal.SIGKILL
            row = Notification.objects.get(kind="booked")
            assert (row.state, row.attempts) == ("due", 1), "The claim is all that was kept."

            server.when_accepted(lambda: None)
            settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
            settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
            assert delivery.send_due(clock=timezone.now) == 0, "The claim is still another's."
            assert delivery.send_due(clock=later(seconds=61)) == 1

            assert [m["Message-ID"] for m in server.accepted] == [row.message_id] * 2

    def test_two_workers_at_once_send_each_mail_once(self):
        booked()
        with MailServer() as server:
            workers = [
                subprocess.Popen(
                    [sys.executable, "-c", _WORKER], cwd=ROOT, env=environment(EMAIL_URL=server.url)
                )
                for _ in range(3)
            ]
            assert [worker.wait(60) for worker in workers] == [0, 0, 0]

            assert sorted(m["To"] for m in server.accepted) == [
                "alice@example.com",
                "bob@example.com",
            ]


_WORKER = """
import django
django.setup()
from django.utils import timezone
from sessions_app import delivery
delivery.send_due(clock=timezone.now)
"""
