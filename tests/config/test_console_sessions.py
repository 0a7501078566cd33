"""Changes to many sessions in the console: what would happen is shown first, and history says who did it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, User
from sessions_app.models import Session
from sessions_app.selectors import attention
from tests import people
from tests.config.console import TOMORROW, booked, console, messages_of, window
from tests.factories import MenteeFactory, MentorFactory

pytestmark = pytest.mark.django_db
PAGE = "/admin/sessions_app/session/"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def carol():
    return console(people.carol())


def choose(browser, action, *sessions):
    chosen = [str(session.pk) for session in sessions]
    return browser.post(PAGE, {"action": action, "_selected_action": chosen})


def effects(answer) -> list[tuple[int, str]]:
    return [(len(one.rows), one.sentence) for one in answer.context["effects"]]


def do(browser, action, answer):
    sent = {"chosen": answer.context["chosen"], "back": answer.context["back"], "step": "do"}
    return browser.post(f"{PAGE}bulk/{action}/", sent, follow=True)


def began(ago: timedelta, status: str = "booked") -> Session:
    """A session of two people of its own."""
    at = timezone.now() - ago
    return booked(MentorFactory(), MenteeFactory(), at, status)


def now_of(session: Session) -> Session:
    return Session.objects.get(pk=session.pk)


# -- Who came ----------------------------------------------------------------------------------
def test_an_absence_is_shown_before_it_is_noted(carol):
    alice, bob = people.alice(), people.bob()
    held = booked(bob.mentor, alice.mentee, timezone.now() - timedelta(days=1), "completed")
    running, fresh = began(15 * MINUTE), began(5 * MINUTE)
    gone = began(timedelta(days=1), "cancelled")
    answer = choose(carol, "mentee_was_absent", held, running, fresh, gone)
    assert effects(answer) == [
        (2, "are noted as not held"),
        (1, "have not begun, or not ten minutes ago"),
        (1, "did not take place, or were noted already"),
    ]
    page = answer.content.decode()
    assert "Alice Founder with Bob Mentor (" in page
    assert "Nothing has happened yet." in page
    assert now_of(held).status == "completed"

    done = do(carol, "mentee_was_absent", answer)
    assert messages_of(done) == ["2 noted."]
    assert [now_of(one).status for one in (held, running, fresh, gone)] == [
        "no_show", "no_show", "booked", "cancelled",
    ]  # fmt: skip
    assert now_of(held).mentee_attendance == "absent"
    assert held.events.get().by.email == "carol@example.com"


@pytest.mark.parametrize("side", ["mentor", "mentee"])
def test_what_was_noted_is_settled_the_other_way(carol, side):
    session, held = began(timedelta(hours=2)), began(timedelta(hours=2), "completed")
    do(carol, f"{side}_was_absent", choose(carol, f"{side}_was_absent", session))
    assert now_of(session).status == "no_show"
    assert getattr(now_of(session), f"{side}_attendance") == "absent"

    answer = choose(carol, "both_came", session, held)
    assert effects(answer) == [(1, "is noted as held"), (1, "have no absence noted")]
    assert messages_of(do(carol, "both_came", answer)) == ["1 settled."]
    assert now_of(session).status == "completed"
    assert getattr(now_of(session), f"{side}_attendance") == "attended"


# -- Outside the hours -------------------------------------------------------------------------
def test_what_both_want_to_keep_is_let_stand_and_asked_about_no_more(carol):
    outside = [booked(MentorFactory(), MenteeFactory()) for _ in range(2)]
    covered = MentorFactory()
    window(covered)
    inside = booked(covered, MenteeFactory())
    assert attention.displaced(now=timezone.now()).count() == 2

    answer = choose(carol, "let_stand", *outside, inside)
    assert effects(answer) == [
        (2, "take place as agreed"),
        (1, "need no decision: within the hours, let stand before, or not to come"),
    ]
    assert messages_of(do(carol, "let_stand", answer)) == ["2 let stand."]
    assert not attention.displaced(now=timezone.now()).exists()
    for session in outside:
        kept = now_of(session)
        assert (kept.status, kept.starts_at, bool(kept.kept_at)) == ("booked", TOMORROW, True)
        assert session.events.get().by.email == "carol@example.com"
        entry = AuditEntry.objects.filter(object_id=str(session.pk), action="changed").get()
        assert (entry.actor.email, "kept_at" in entry.changes) == ("carol@example.com", True)
    assert now_of(inside).kept_at is None
    assert "Let stand" in carol.get(f"{PAGE}{outside[0].pk}/change/").content.decode()
    assert effects(choose(carol, "let_stand", outside[0])) == [
        (1, "need no decision: within the hours, let stand before, or not to come")
    ]


def test_one_that_was_settled_meanwhile_is_not_let_stand(carol):
    mentor, other = MentorFactory(), MentorFactory()
    first, second = booked(mentor, MenteeFactory()), booked(other, MenteeFactory())
    answer = choose(carol, "let_stand", first, second)
    window(mentor)  # hours were made since the page was shown
    assert messages_of(do(carol, "let_stand", answer)) == ["1 let stand."]
    assert [bool(now_of(one).kept_at) for one in (first, second)] == [False, True]


def test_the_attention_list_leads_to_where_it_is_let_stand(carol):
    session = booked(MentorFactory(), MenteeFactory())
    answer = carol.get(f"{PAGE}?needs=displaced")
    assert [row.pk for row in answer.context["cl"].result_list] == [session.pk]
    choices = dict(answer.context["action_form"].fields["action"].choices)
    assert choices["let_stand"] == "Let it stand, outside the hours"


def test_it_takes_the_right_to_change_sessions(carol):
    session = booked(MentorFactory(), MenteeFactory())
    group = User.objects.get(email="carol@example.com").groups.get()
    group.permissions.remove(group.permissions.get(codename="change_session"))
    sent = {"chosen": session.pk, "step": "do"}
    assert carol.post(f"{PAGE}bulk/let_stand/", sent).status_code == 403
    assert now_of(session).kept_at is None
