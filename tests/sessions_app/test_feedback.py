"""Feedback: asked of both, given once by each, seen when both have answered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from sessions_app import services
from sessions_app.models import Feedback, MessagePreferences, Notification
from tests.bookings import booked, completed, html_of, links_in, mail_to, mails
from tests.people import api, browser, carol, mallory

pytestmark = pytest.mark.django_db
EVERYTHING = {
    "overall": 5,
    "expertise": 4,
    "communication": 3,
    "helpfulness": 2,
    "goals_achieved": True,
    "would_recommend": False,
    "follow_up_needed": True,
    "topics": ["Seed", "Pricing"],
    "tags": ["kind"],
    "comment": "Named three funds.",
}


def url(session):
    return f"/api/sessions/{session.pk}/feedback"


def page(session):
    return f"/sessions/{session.pk}/feedback/"


class TestApi:
    def test_each_side_gives_once_and_reads_the_others_when_both_have(self):
        session = completed()
        alice, bob = api(session.mentee.user), api(session.mentor.user)
        assert alice.get(url(session)).json() == {
            "side": "mentee",
            "can_give": True,
            "mentee": None,
            "mentor": None,
        }

        given = alice.post(url(session), EVERYTHING, format="json")
        assert given.status_code == 201
        assert {name: given.json()[name] for name in EVERYTHING} == EVERYTHING
        assert (given.json()["side"], alice.get(url(session)).json()["can_give"]) == (
            "mentee",
            False,
        )
        assert bob.get(url(session)).json() == {
            "side": "mentor",
            "can_give": True,
            "mentee": None,
            "mentor": None,
        }

        assert bob.post(url(session), {"overall": 4}, format="json").status_code == 201
        seen = bob.get(url(session)).json()
        assert seen["mentee"]["comment"] == "Named three funds."
        assert seen["mentor"]["overall"] == 4
        assert alice.get(url(session)).json()["mentor"]["overall"] == 4

    def test_a_second_answer_is_refused(self):
        session = completed()
        alice = api(session.mentee.user)
        alice.post(url(session), {"overall": 5}, format="json")

        again = alice.post(url(session), {"overall": 1}, format="json")

        assert (again.status_code, again.json()["code"]) == (422, "illegal_move")
        assert Feedback.objects.get().overall == 5

    def test_a_repeated_post_is_answered_alike(self):
        session = completed()
        alice = api(session.mentee.user)
        answers = [
            alice.post(
                url(session), {"overall": 5}, format="json", headers={"Idempotency-Key": "k"}
            )
            for _ in range(3)
        ]
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert Feedback.objects.count() == 1

    def test_a_stranger_gets_404_and_a_manager_reads_but_does_not_give(self):
        session = completed()
        api(session.mentee.user).post(url(session), {"overall": 5}, format="json")
        stranger, manager = api(mallory()), api(carol())

        assert stranger.get(url(session)).status_code == 404
        assert stranger.post(url(session), {"overall": 99}, format="json").status_code == 404
        assert api().get(url(session)).status_code == 401
        seen = manager.get(url(session)).json()
        assert (seen["side"], seen["can_give"], seen["mentee"]["overall"]) == (None, False, 5)
        refused = manager.post(url(session), {"overall": 5}, format="json")
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
        assert Feedback.objects.count() == 1

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"overall": 0}, "overall"),
            ({"overall": 6}, "overall"),
            ({"overall": None}, "overall"),
            ({"overall": 3, "expertise": 9}, "expertise"),
            ({"overall": 3, "topics": ["x" * 61]}, "topics.0"),
            ({"overall": 3, "topics": ["x"] * 13}, "topics"),
            ({"overall": 3, "comment": "x" * 4001}, "comment"),
        ],
    )
    def test_what_is_wrong_is_named(self, changes, field):
        session = completed()
        answer = api(session.mentee.user).post(url(session), changes, format="json")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert field in answer.json()["fields"]
        assert not Feedback.objects.exists()

    def test_there_is_none_of_what_has_not_ended_or_did_not_take_place(self):
        session = booked()
        alice = api(session.mentee.user)
        early = alice.post(url(session), {"overall": 5}, format="json")
        services.cancel_session(session_id=session.pk, by=None, reason="", clock=timezone.now)
        late = alice.post(url(session), {"overall": 5}, format="json")

        assert [(a.status_code, a.json()["code"]) for a in (early, late)] == [
            (422, "illegal_move")
        ] * 2
        assert alice.get(url(session)).json()["can_give"] is False

    def test_who_is_quicker_than_the_sweep_is_not_sent_away(self):
        session = booked()
        feedback = services.give_feedback(
            session_id=session.pk,
            by=session.mentee.user,
            values=services.FeedbackValues(overall=4),
            clock=lambda: session.ends_at,
        )
        assert feedback.side == "mentee"


class TestAsking:
    def test_both_are_asked_at_the_end_and_once_more_a_day_later(self):
        session = completed()
        at_the_end = session.ends_at + timedelta(seconds=1)
        a_day_later = session.ends_at + timedelta(days=1, seconds=1)

        first = {m.to[0]: m.subject for m in mails(at=at_the_end)}
        assert first == {
            "alice@example.com": "How was your session with Bob Mentor?",
            "bob@example.com": "How was your session with Alice Founder?",
        }
        assert mails(at=a_day_later - timedelta(hours=1)) == []
        assert len(mails(at=a_day_later)) == 2
        assert mails(at=a_day_later + timedelta(days=30)) == []

    def test_who_has_answered_is_not_asked_again(self):
        session = completed()
        mails(at=session.ends_at)
        api(session.mentee.user).post(url(session), {"overall": 5}, format="json")

        later = mails(at=session.ends_at + timedelta(days=2))

        assert [m.to for m in later] == [["bob@example.com"]]

    def test_who_does_not_want_it_is_not_asked(self):
        session = completed()
        services.choose_messages(user=session.mentee.user, choices={"feedback": False})

        assert [m.to for m in mails(at=session.ends_at)] == [["bob@example.com"]]
        dropped = Notification.objects.get(kind="feedback", state="dropped")
        assert "do not want" in dropped.last_error

    def test_an_absence_is_no_session_to_ask_about(self):
        session = completed()
        services.report_absence(
            session_id=session.pk,
            by=session.mentor.user,
            side="mentee",
            clock=lambda: session.ends_at,
        )

        subjects = {m.subject for m in mails(at=session.ends_at + timedelta(days=2))}

        assert subjects == {"Your session with Bob Mentor: noted as missed"}

    def test_after_a_dispute_nobody_is_asked_twice(self):
        session = completed()
        mails(at=session.ends_at)
        clock = lambda: session.ends_at + timedelta(hours=1)  # noqa: E731
        services.report_absence(
            session_id=session.pk, by=session.mentor.user, side="mentee", clock=clock
        )
        services.dispute_absence(session_id=session.pk, by=session.mentee.user, clock=clock)

        assert mails(at=session.ends_at + timedelta(hours=2)) == []

    def test_many_sessions_are_asked_about_with_one_query(self, django_assert_num_queries):
        from sessions_app import notifications

        session = completed()
        Notification.objects.all().delete()
        with django_assert_num_queries(3):  # with its savepoint
            notifications.ask_for_feedback([session] * 5, now=timezone.now())
        assert Notification.objects.count() == 4


class TestByLink:
    def test_a_number_in_the_mail_is_one_click_and_one_press(self, client):
        session = completed()
        message = mail_to("alice@example.com", at=session.ends_at)
        path = links_in(message)["Give feedback"]
        assert f"{path}?overall=4" in html_of(message)

        shown = client.get(f"{path}?overall=4").content.decode()
        assert 'value="4" checked' in shown
        assert not Feedback.objects.exists(), "Opening a link gives nothing."

        thanks = client.post(path, {"overall": "4", "topics": "Seed, Pricing"}, follow=True)
        assert "Your feedback is in" in thanks.content.decode()
        given = Feedback.objects.get()
        assert (given.side, given.overall, given.topics) == ("mentee", 4, ["Seed", "Pricing"])

    def test_it_works_before_and_after_the_answer_and_never_changes_it(self, client):
        session = completed()
        path = links_in(mail_to("bob@example.com", at=session.ends_at))["Give feedback"]
        client.post(path, {"overall": "5"})

        again = client.post(path, {"overall": "1"})

        assert "Your feedback is in" in again.content.decode()
        assert Feedback.objects.get(side="mentor").overall == 5

    @pytest.mark.parametrize("overall", ["", "9", "x", "<script>"])
    def test_nonsense_in_the_address_chooses_nothing(self, client, overall):
        session = completed()
        path = links_in(mail_to("alice@example.com", at=session.ends_at))["Give feedback"]

        shown = client.get(path, {"overall": overall})

        assert shown.status_code == 200
        assert not [
            line
            for line in shown.content.decode().split("<")
            if line.startswith('input type="radio" name="overall"') and "checked" in line
        ]


class TestPages:
    def test_what_was_written_comes_back_with_what_is_missing(self):
        session = completed()
        answer = browser(session.mentee.user).post(
            page(session), {"comment": "Very good", "expertise": "4", "goals_achieved": "no"}
        )
        shown = answer.content.decode()
        assert answer.status_code == 400
        assert "Choose a number from 1 to 5." in shown
        assert "Very good" in shown
        assert 'name="expertise" value="4" checked' in shown
        assert 'name="goals_achieved" value="no" checked' in shown

    def test_the_mentor_is_asked_less(self):
        session = completed()
        shown = browser(session.mentor.user).get(page(session)).content.decode()
        assert 'name="communication"' in shown
        assert 'name="expertise"' not in shown

    def test_too_many_topics_are_named_in_the_form(self):
        session = completed()
        answer = browser(session.mentee.user).post(
            page(session), {"overall": "5", "topics": ",".join(f"t{n}" for n in range(13))}
        )
        assert answer.status_code == 400
        assert "At most 12" in answer.content.decode()

    def test_a_stranger_gets_404_and_a_manager_reads(self):
        session = completed()
        browser(session.mentee.user).post(page(session), {"overall": "2", "comment": "Late"})

        stranger = browser(mallory())
        assert stranger.get(page(session)).status_code == 404
        assert stranger.post(page(session), {"overall": "5"}).status_code == 404
        assert "Late" in browser(carol()).get(page(session)).content.decode()
        hidden = browser(session.mentor.user).get(page(session)).content.decode()
        assert "Late" not in hidden

    def test_the_sessions_page_leads_there(self):
        session = completed()
        mentee = browser(session.mentee.user)
        assert page(session) in mentee.get(f"/sessions/{session.pk}/").content.decode()
        assert "Say how it was" in mentee.get(f"/sessions/{session.pk}/").content.decode()
        mentee.post(page(session), {"overall": "5"})
        assert "Read the feedback" in mentee.get(f"/sessions/{session.pk}/").content.decode()

    def test_before_the_end_the_page_says_when(self):
        session = booked()
        answer = browser(session.mentee.user).get(page(session))
        assert answer.status_code == 422
        assert "once the session is over" in answer.content.decode()
        assert not MessagePreferences.objects.exists()
