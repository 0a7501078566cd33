"""Mail that cannot arrive: it stops quietly, is shown, and starts again when there is reason to."""

from __future__ import annotations

import base64
import importlib
import json
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client, override_settings
from django.urls import clear_url_caches
from django.utils import timezone

from sessions_app import delivery, services
from sessions_app.models import MessagePreferences, Notification
from tests.bookings import booked, mails
from tests.config.console import console
from tests.people import browser, carol
from tests.standins.smtp import MailServer

pytestmark = pytest.mark.django_db
SECRET = "hook:a-long-secret"


@pytest.fixture
def server(settings):
    with MailServer() as running:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        yield running


def send():
    return delivery.send_due(clock=timezone.now)


class TestBySmtp:
    def test_a_refused_address_is_written_to_no_more_and_says_why(self, server):
        session = booked()
        server.refuse.add("bob@example.com")

        assert send() == 1

        choices = MessagePreferences.objects.get()
        assert (choices.user.email, choices.bounced_email) == ("bob@example.com",) * 2
        assert "No such person" in choices.bounce_reason
        failed = Notification.objects.get(state="failed")
        assert failed.recipient == session.mentor.user
        assert "No such person" in failed.last_error

        server.refuse.clear()
        services.cancel_session(session_id=session.pk, by=None, reason="", clock=timezone.now)
        assert send() == 1
        assert [m["To"] for m in server.accepted] == ["alice@example.com"] * 2
        kept = Notification.objects.get(kind="cancelled", state="failed")
        assert "Mail to this address stopped" in kept.last_error

    @pytest.mark.parametrize(
        "answer",
        [
            "550 5.7.1 Message looks like spam",
            "552 5.2.2 Mailbox full",
            "554 5.7.0 Policy",
            "554 Transaction failed",
        ],
    )
    def test_what_may_pass_fails_one_message_and_not_the_address(self, server, answer):
        booked()
        server.answers["bob@example.com"] = answer

        assert send() == 1

        assert not MessagePreferences.objects.exists()
        assert answer[4:] in Notification.objects.get(state="failed").last_error

    @pytest.mark.parametrize("answer", ["450 4.2.1 Try later", "451 Busy"])
    def test_what_is_temporary_waits(self, server, answer):
        booked()
        server.answers["bob@example.com"] = answer

        send()

        waiting = Notification.objects.get(kind="booked", state="due")
        assert waiting.next_attempt_at > timezone.now()
        assert not MessagePreferences.objects.exists()

    @pytest.mark.parametrize("answer", ["550 5.1.1 Unknown user", "550 5.2.1 Disabled", "553 No"])
    def test_what_is_about_the_address_stops_mail_to_it(self, server, answer):
        booked()
        server.answers["bob@example.com"] = answer
        send()
        assert MessagePreferences.objects.get().bounced_email == "bob@example.com"


class TestStartingAgain:
    def bounced(self):
        session = booked()
        mails()
        services.note_bounce(
            email="Bob@Example.com ", reason="550 No such person", now=timezone.now()
        )
        services.cancel_session(session_id=session.pk, by=None, reason="", clock=timezone.now)
        assert [m.to for m in mails()] == [["alice@example.com"]]
        return session

    def test_the_settings_page_shows_it_and_tries_again_with_what_was_missed(self):
        session = self.bounced()
        bob = browser(session.mentor.user)
        page = bob.get("/settings/messages/").content.decode()
        assert "550 No such person" in page

        answer = bob.post("/settings/messages/", {"action": "again"}, follow=True)

        assert "One message that could not be delivered is on its way." in answer.content.decode()
        assert "550 No such person" not in answer.content.decode()
        assert [m.subject.split(":")[0] for m in mails()] == ["Cancelled"]

    def test_another_address_is_another_chance(self):
        session = self.bounced()
        user = session.mentor.user
        type(user).objects.filter(pk=user.pk).update(email="robert@example.com")
        Notification.objects.filter(kind="cancelled").update(state="due")

        assert ["robert@example.com"] in [
            m.to for m in mails(at=timezone.now() + timedelta(minutes=5))
        ]
        assert "came back" not in browser(user).get("/settings/messages/").content.decode()

    def test_program_managers_see_it_and_try_again(self):
        self.bounced()
        desk = console(carol())
        url = "/admin/sessions_app/messagepreferences/"
        assert "550 No such person" in desk.get(url, {"mail": "stopped"}).content.decode()
        row = MessagePreferences.objects.get()

        desk.post(url, {"action": "try_again", "_selected_action": [str(row.pk)]})

        row.refresh_from_db()
        assert row.bounced_email == ""

    def test_an_address_of_nobody_is_no_news(self):
        assert not services.note_bounce(email="x@example.com", reason="550", now=timezone.now())


class TestByProvider:
    @pytest.fixture(autouse=True)
    def provider(self):
        with override_settings(
            EMAIL_BACKEND="anymail.backends.postmark.EmailBackend",
            ANYMAIL={"POSTMARK_SERVER_TOKEN": "t", "WEBHOOK_SECRET": SECRET},
        ):
            from tests.sessions_app import mail_urls

            importlib.reload(mail_urls)
            with override_settings(ROOT_URLCONF=mail_urls.__name__):
                clear_url_caches()
                yield
        clear_url_caches()

    def tell(self, event, auth=SECRET, path="/anymail/postmark/tracking/"):
        key = base64.b64encode(auth.encode()).decode()
        return Client().post(
            path,
            json.dumps(event),
            content_type="application/json",
            headers={"Authorization": f"Basic {key}"} if auth else {},
        )

    def bounce(self, kind="HardBounce", **more):
        return {
            "RecordType": "Bounce",
            "Type": kind,
            "Email": "bob@example.com",
            "Description": "The server was unable to deliver your message",
            "BouncedAt": "2026-12-01T10:00:00Z",
            **more,
        }

    def test_a_bounce_stops_mail_and_marks_the_message(self):
        session = booked()
        row = Notification.objects.get(kind="booked", recipient=session.mentor.user)
        Notification.objects.filter(pk=row.pk).update(state="sent")

        answer = self.tell(self.bounce(Metadata={"notification": str(row.pk)}))

        assert answer.status_code == 200
        choices = MessagePreferences.objects.get()
        assert choices.bounced_email == "bob@example.com"
        assert "unable to deliver" in choices.bounce_reason
        row.refresh_from_db()
        assert row.state == "failed"

    def test_a_complaint_stops_mail(self):
        booked()
        event = {
            "RecordType": "SpamComplaint",
            "Type": "SpamComplaint",
            "Email": "bob@example.com",
            "BouncedAt": "2026-12-01T10:00:00Z",
        }
        assert self.tell(event).status_code == 200
        assert "spam" in MessagePreferences.objects.get().bounce_reason

    @pytest.mark.parametrize("kind", ["SoftBounce", "Transient", "AutoResponder"])
    def test_what_may_pass_does_not(self, kind):
        booked()
        assert self.tell(self.bounce(kind)).status_code == 200
        assert not MessagePreferences.objects.exclude(bounced_email="").exists()

    @pytest.mark.parametrize("auth", ["", "hook:wrong", "x:y"])
    def test_without_the_secret_nothing_happens(self, auth):
        booked()
        assert self.tell(self.bounce(), auth=auth).status_code == 400
        assert not MessagePreferences.objects.exists()

    def test_there_is_no_address_for_other_providers(self):
        answer = self.tell(self.bounce(), path="/anymail/sendgrid/tracking/")
        assert answer.status_code == 404

    def test_the_mail_carries_what_the_provider_hands_back(self):
        with override_settings(EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"):
            booked()
            send()
        sent = Notification.objects.filter(state="sent")
        assert {m.metadata["notification"] for m in mail.outbox} == {str(row.pk) for row in sent}


def test_without_a_secret_there_is_no_address_at_all():
    assert Client().post("/anymail/postmark/tracking/").status_code == 404
