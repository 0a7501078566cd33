"""Links in mails: they act for one person, say what is so now, and do nothing when they are only opened."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import ProgramSettings
from sessions_app import services
from sessions_app.links import LIVES_FOR, Verb, make_link, read_link
from sessions_app.models import MessagePreferences, Session
from sessions_app.refusals import LinkExpired
from tests.bookings import booked, completed, links_in, mail_to, mails, moved
from tests.people import mallory

pytestmark = pytest.mark.django_db


def nobody():
    """A browser in which nobody is signed in, and which sends forged forms as well as real ones."""
    return Client(enforce_csrf_checks=True)


def link(verb, session, user, **changes):
    values = {"row_id": session.pk, "user_id": user.pk, "version": session.version} | changes
    return "/" + make_link(verb, **values).split("/", 3)[3]


def token_of(path):
    return path.strip("/").removeprefix("l/")


class TestTheLinkItself:
    def test_it_says_what_it_was_made_with(self):
        session = booked()
        token = token_of(link(Verb.MOVE, session, session.mentee.user))

        found = read_link(token)

        assert (found.verb, found.row_id, found.user) == (
            Verb.MOVE,
            session.pk,
            session.mentee.user,
        )
        assert found.version == session.version

    def test_trap_28_no_byte_of_it_can_be_changed(self):
        session = booked()
        token = token_of(link(Verb.CANCEL, session, session.mentee.user))

        for position in range(len(token)):
            other = "A" if token[position] != "A" else "B"
            with pytest.raises(LinkExpired):
                read_link(token[:position] + other + token[position + 1 :])

    def test_trap_28_a_link_of_one_verb_is_none_of_another(self):
        session = booked()
        token = token_of(link(Verb.FEEDBACK, session, session.mentee.user))

        for verb in set(Verb) - {Verb.FEEDBACK}:
            with pytest.raises(LinkExpired):
                read_link(verb + token[1:])

    @pytest.mark.parametrize("token", ["", "x", "m", "m.", "mAAAA.1.2", "c" * 500, "f\N{SNOWMAN}"])
    def test_what_is_no_link_is_told_so(self, token):
        with pytest.raises(LinkExpired):
            read_link(token)

    @pytest.mark.parametrize("verb", list(Verb))
    def test_it_ends(self, verb):
        session = booked()
        token = token_of(link(verb, session, session.mentee.user))
        with time_machine.travel(timezone.now() + LIVES_FOR[verb] - timedelta(hours=1)):
            read_link(token)
        with (
            time_machine.travel(timezone.now() + LIVES_FOR[verb] + timedelta(hours=1)),
            pytest.raises(LinkExpired),
        ):
            read_link(token)

    def test_it_ends_with_the_signing_key(self, settings):
        session = booked()
        token = token_of(link(Verb.CANCEL, session, session.mentee.user))
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
        read_link(token)
        settings.SECRET_KEY_FALLBACKS = []
        with pytest.raises(LinkExpired):
            read_link(token)


class TestWhoAndWhose:
    @pytest.mark.parametrize("verb", [Verb.MOVE, Verb.CANCEL, Verb.FEEDBACK])
    def test_a_strangers_link_to_a_session_is_worth_nothing(self, verb):
        session = completed() if verb == Verb.FEEDBACK else booked()
        path = link(verb, session, mallory())

        for answer in (nobody().get(path), nobody().post(path, {"overall": "5"})):
            assert answer.status_code == 410
            assert "Bob" not in answer.content.decode()
        session.refresh_from_db()
        assert session.status in ("booked", "completed")
        assert not session.feedback.exists()

    @pytest.mark.parametrize("status", ["suspended", "inactive"])
    @pytest.mark.parametrize("verb", [Verb.MOVE, Verb.CANCEL, Verb.FEEDBACK])
    def test_a_suspended_persons_links_do_nothing(self, verb, status):
        session = completed() if verb == Verb.FEEDBACK else booked()
        user = session.mentee.user
        path = link(verb, session, user)
        type(user).objects.filter(pk=user.pk).update(status=status)

        assert nobody().get(path).status_code == 410
        assert nobody().post(path, {"overall": "5"}).status_code == 410
        session.refresh_from_db()
        assert session.status in ("booked", "completed")
        assert not session.feedback.exists()

    def test_it_acts_for_whom_it_was_sent_to_whoever_is_signed_in(self):
        session = booked()
        browser = Client()
        browser.force_login(mallory())

        browser.post(link(Verb.CANCEL, session, session.mentee.user), {"reason": "Ill"})

        event = session.events.get(to_status="cancelled")
        assert (event.by, event.reason) == (session.mentee.user, "Ill")

    def test_it_is_kept_out_of_caches_search_and_referrers(self):
        session = booked()
        answer = nobody().get(link(Verb.CANCEL, session, session.mentee.user))

        assert "no-store" in answer["Cache-Control"]
        assert answer["X-Robots-Tag"] == "noindex"
        assert answer["Referrer-Policy"] == "no-referrer"

    def test_its_page_speaks_the_persons_time(self):
        session = booked()
        hour = session.starts_at.astimezone(session.mentee.user.zone)

        page = nobody().get(link(Verb.CANCEL, session, session.mentee.user)).content.decode()

        assert f"{hour:%H:%M}\N{EN DASH}" in page


class TestCancelling:
    def test_trap_28_opening_it_changes_nothing(self):
        session = booked()
        path = links_in(mail_to("alice@example.com"))["Cancel it"]

        for method in ("get", "head"):
            assert getattr(nobody(), method)(path).status_code == 200
        assert nobody().put(path).status_code == 405

        session.refresh_from_db()
        assert session.status == "booked"

    def test_one_press_cancels_for_who_got_the_mail(self):
        session = booked()
        path = links_in(mail_to("bob@example.com"))["Cancel it"]

        answer = nobody().post(path, {"reason": "Flight"}, follow=True)

        assert "is cancelled" in answer.content.decode()
        assert answer.status_code == 200
        session.refresh_from_db()
        assert session.status == "cancelled"
        assert session.events.get(to_status="cancelled").by == session.mentor.user

    def test_pressed_twice_it_is_cancelled_once(self):
        session = booked()
        path = link(Verb.CANCEL, session, session.mentee.user)
        form = {"reason": "", "idempotency_key": "9d7a"}

        answers = [nobody().post(path, form) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [302, 302]
        assert session.events.filter(to_status="cancelled").count() == 1

    def test_trap_11_a_link_from_before_a_move_does_nothing_and_says_the_new_time(self):
        session = booked()
        path = link(Verb.CANCEL, session, session.mentee.user)
        moved(session)

        for answer in (nobody().get(path), nobody().post(path)):
            assert answer.status_code == 410
            now = Session.objects.get(pk=session.pk).starts_at
            local = now.astimezone(session.mentee.user.zone)
            assert f"{local:%H:%M}" in answer.content.decode()
        session.refresh_from_db()
        assert session.status == "booked"

    def test_after_the_cut_off_the_page_says_so(self):
        ProgramSettings.objects.create(cancel_cutoff_minutes=60 * 24 * 30)
        session = booked()
        path = link(Verb.CANCEL, session, session.mentee.user)

        answer = nobody().post(path)

        assert answer.status_code == 422
        assert "too late" in answer.content.decode()

    def test_what_was_written_is_kept_when_it_is_too_long(self):
        session = booked()
        answer = nobody().post(
            link(Verb.CANCEL, session, session.mentee.user), {"reason": "x" * 3000}
        )
        assert answer.status_code == 400
        assert "x" * 3000 in answer.content.decode()


class TestMoving:
    def test_it_shows_the_open_times_and_moves_the_same_event(self):
        session = booked()
        path = links_in(mail_to("alice@example.com"))["Move it"]
        target = session.starts_at + timedelta(minutes=30)
        page = nobody().get(path)
        assert page.status_code == 200
        assert target.strftime("%Y-%m-%dT%H:%M") in page.content.decode()

        answer = nobody().post(path, {"start": target.isoformat()}, follow=True)

        assert answer.status_code == 200
        assert "Moved. Both of you" in answer.content.decode()
        after = Session.objects.get(pk=session.pk)
        assert (after.starts_at, after.version) == (target, 2)
        assert after.events.get(moved_to=target).by == session.mentee.user

    def test_the_old_link_says_where_it_went(self):
        session = booked()
        path = link(Verb.MOVE, session, session.mentee.user)
        target = session.starts_at + timedelta(minutes=30)
        nobody().post(path, {"start": target.isoformat()})

        answer = nobody().get(path)

        assert answer.status_code == 410
        assert f"{target.astimezone(session.mentee.user.zone):%H:%M}" in answer.content.decode()

    def test_the_same_form_sent_twice_moves_once_and_leads_to_the_same_page(self):
        session = booked()
        path = link(Verb.MOVE, session, session.mentee.user)
        form = {
            "start": (session.starts_at + timedelta(minutes=30)).isoformat(),
            "idempotency_key": "one",
        }

        first, second = (nobody().post(path, form) for _ in range(2))

        assert (first.status_code, second.status_code) == (302, 302)
        assert first["Location"] == second["Location"]
        assert Session.objects.get(pk=session.pk).version == 2

    def test_a_time_that_cannot_be_had_is_refused_and_the_session_stays(self):
        session = booked()
        path = link(Verb.MOVE, session, session.mentor.user)

        answer = nobody().post(
            path, {"start": (session.starts_at + timedelta(days=9, minutes=7)).isoformat()}
        )

        assert answer.status_code in (409, 422)
        session.refresh_from_db()
        assert session.version == 1

    def test_a_cancelled_session_cannot_be_moved(self):
        session = booked()
        path = link(Verb.MOVE, session, session.mentee.user)
        services.cancel_session(session_id=session.pk, by=None, reason="", clock=timezone.now)

        answer = nobody().get(path)

        assert answer.status_code == 410
        assert "was cancelled" in answer.content.decode()


class TestStoppingMessages:
    def reminder(self):
        session = booked()
        mails()
        mails_at = session.starts_at - timedelta(days=1) + timedelta(minutes=1)
        return mail_to("alice@example.com", at=mails_at)

    def test_a_mail_program_does_it_with_one_post(self):
        message = self.reminder()
        assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        address = message.extra_headers["List-Unsubscribe"].strip("<>")

        answer = nobody().post("/" + address.split("/", 3)[3], {"List-Unsubscribe": "One-Click"})

        assert answer.status_code == 200
        choices = MessagePreferences.objects.get(user__email="alice@example.com")
        assert (choices.reminder_day, choices.reminder_hour, choices.feedback) == (
            False,
            True,
            True,
        )

    def test_a_person_sees_first_and_may_change_their_mind(self):
        path = links_in(self.reminder())["Stop messages like this one"]
        assert "Stop these messages?" in nobody().get(path).content.decode()
        assert not MessagePreferences.objects.exists()

        stopped = nobody().post(path, {"action": "stop"}, follow=True)
        assert "You no longer get these messages" in stopped.content.decode()
        nobody().post(path, {"action": "again"})

        assert MessagePreferences.objects.get().reminder_day is True

    def test_what_changes_a_calendar_offers_no_such_link(self):
        booked()
        message = mail_to("alice@example.com")
        assert "List-Unsubscribe" not in message.extra_headers
