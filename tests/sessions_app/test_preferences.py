"""Which messages people get: what changes a calendar always, the rest as they like."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from sessions_app import services
from sessions_app.models import MessagePreferences, Notification
from tests.bookings import booked, completed, mails
from tests.people import alice, api, browser, carol

pytestmark = pytest.mark.django_db
PAGE = "/settings/messages/"


class TestThePage:
    def test_it_is_found_from_the_settings(self):
        assert PAGE in browser(alice()).get("/settings/").content.decode()

    def test_who_never_chose_gets_everything(self):
        page = browser(alice()).get(PAGE).content.decode()
        assert page.count(" checked") == 4
        assert not MessagePreferences.objects.exists()

    def test_what_is_not_ticked_is_off(self):
        user = alice()
        answer = browser(user).post(PAGE, {"reminder_hour": "on"}, follow=True)

        assert "Your choice is saved." in answer.content.decode()
        kept = MessagePreferences.objects.get(user=user)
        assert (kept.reminder_day, kept.reminder_hour, kept.feedback, kept.waitlist) == (
            False,
            True,
            False,
            False,
        )

    def test_nothing_ticked_is_an_answer(self):
        user = alice()
        browser(user).post(PAGE, {})
        assert MessagePreferences.objects.get(user=user).reminder_hour is False

    def test_it_is_for_who_is_signed_in(self):
        assert Client().get(PAGE).status_code == 302
        assert Client().post(PAGE, {}).status_code == 302
        assert not MessagePreferences.objects.exists()

    def test_managers_have_it_too(self):
        assert browser(carol()).get(PAGE).status_code == 200


class TestWhatIsSent:
    @pytest.mark.parametrize(
        ("choice", "before", "kind"),
        [
            ("reminder_day", timedelta(days=1), "reminder_day"),
            ("reminder_hour", timedelta(hours=1), "reminder_hour"),
        ],
    )
    def test_a_reminder_that_is_off_is_dropped_and_says_why(self, choice, before, kind):
        session = booked()
        mails()
        if choice == "reminder_hour":
            mails(at=session.starts_at - timedelta(days=1))
        services.choose_messages(user=session.mentee.user, choices={choice: False})

        sent = mails(at=session.starts_at - before)

        assert [m.to for m in sent] == [["bob@example.com"]]
        row = Notification.objects.get(kind=kind, state="dropped")
        assert "do not want" in row.last_error

    def test_turned_on_again_in_time_it_goes_out(self):
        session = booked()
        mails()
        services.choose_messages(user=session.mentee.user, choices={"reminder_day": False})
        services.choose_messages(user=session.mentee.user, choices={"reminder_day": True})
        assert len(mails(at=session.starts_at - timedelta(days=1))) == 2

    def test_what_changes_the_calendar_always_goes(self):
        session = booked()
        everything_off = dict.fromkeys(services.CHOICES, False)
        services.choose_messages(user=session.mentee.user, choices=everything_off)
        assert len(mails(to="alice@example.com")) == 1

    def test_choices_that_are_not_named_stay(self):
        user = completed().mentee.user
        services.choose_messages(user=user, choices={"feedback": False})
        services.choose_messages(user=user, choices={"waitlist": False, "bounced_email": True})
        kept = MessagePreferences.objects.get(user=user)
        assert (kept.feedback, kept.waitlist, kept.bounced_email) == (False, False, "")


class TestApi:
    url = "/api/message-preferences"

    def test_one_reads_and_changes_what_is_named(self):
        user = alice()
        client = api(user)
        assert client.get(self.url).json() == {
            "reminder_day": True,
            "reminder_hour": True,
            "feedback": True,
            "waitlist": True,
            "bounce": None,
        }

        answer = client.patch(self.url, {"feedback": False}, format="json")

        assert answer.status_code == 200
        assert (answer.json()["feedback"], answer.json()["waitlist"]) == (False, True)
        assert client.get(self.url).json() == answer.json()

    def test_what_is_no_answer_is_named(self):
        answer = api(alice()).patch(self.url, {"feedback": "perhaps"}, format="json")
        assert (answer.status_code, list(answer.json()["fields"])) == (400, ["feedback"])

    def test_a_bounce_is_said_and_taken_back(self):
        session = booked()
        mails()
        client = api(session.mentee.user)
        services.note_bounce(email="alice@example.com", reason="550 Gone", now=timezone.now())
        services.cancel_session(session_id=session.pk, by=None, reason="", clock=timezone.now)
        mails()
        bounce = client.get(self.url).json()["bounce"]
        assert (bounce["email"], bounce["reason"]) == ("alice@example.com", "550 Gone")

        answer = client.post(f"{self.url}/try-again")

        assert (answer.status_code, answer.json()["bounce"]) == (200, None)
        assert len(mails(to="alice@example.com")) == 1

    def test_it_is_for_who_is_signed_in(self):
        for answer in (api().get(self.url), api().post(f"{self.url}/try-again")):
            assert answer.status_code == 401
