from __future__ import annotations

from datetime import UTC, timedelta

import pytest
from django.utils import timezone

from sessions_app.models import (
    Notification,
    Session,
)
from sync.models import (
    BaseBinding,
    OutboxRow,
)
from tests import people
from tests.config.console import HOUR, TOMORROW, booked, console, messages_of, window
from tests.factories import MenteeFactory

pytestmark = pytest.mark.django_db


# -- Changes go through the services -----------------------------------------------------------
def window_form(**changes) -> dict[str, str]:
    values = {"starts_at": TOMORROW, "ends_at": TOMORROW + 3 * HOUR, **changes}
    form = {"capacity": "1", "location": ""}
    for name in ("starts_at", "ends_at"):
        moment = values.pop(name)
        form |= {f"{name}_0": f"{moment:%Y-%m-%d}", f"{name}_1": f"{moment:%H:%M:%S}"}
    return form | {name: str(value) for name, value in values.items()}


def test_a_window_is_added_and_moved():
    mentor, browser = people.bob().mentor, console(people.carol())
    answer = browser.post(
        "/admin/sessions_app/availabilitywindow/add/", window_form(mentor=mentor.pk)
    )
    assert answer.status_code == 302
    row = mentor.windows.get()
    assert row.starts_at == TOMORROW
    answer = browser.post(
        f"/admin/sessions_app/availabilitywindow/{row.pk}/change/",
        window_form(ends_at=TOMORROW + 5 * HOUR, capacity=2),
    )
    assert answer.status_code == 302
    row.refresh_from_db()
    assert (row.ends_at, row.capacity) == (TOMORROW + 5 * HOUR, 2)


def test_times_are_read_in_the_managers_own_zone():
    mentor, browser = people.bob().mentor, console(people.carol(time_zone="Asia/Tokyo"))
    browser.post("/admin/sessions_app/availabilitywindow/add/", window_form(mentor=mentor.pk))
    assert mentor.windows.get().starts_at == TOMORROW - 9 * HOUR


def test_a_window_that_would_orphan_a_session_is_refused_with_the_reason():
    mentor = people.bob().mentor
    row = window(mentor)
    booked(mentor, people.alice().mentee, TOMORROW + 2 * HOUR)
    answer = console(people.carol()).post(
        f"/admin/sessions_app/availabilitywindow/{row.pk}/change/",
        window_form(ends_at=TOMORROW + HOUR),
    )
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "Nothing is saved yet" in page
    assert "Alice Founder" in page
    row.refresh_from_db()
    assert row.ends_at == TOMORROW + 3 * HOUR


def test_two_windows_that_overlap_are_refused():
    mentor = people.bob().mentor
    window(mentor)
    answer = console(people.carol()).post(
        "/admin/sessions_app/availabilitywindow/add/", window_form(mentor=mentor.pk)
    )
    assert answer.status_code == 200
    assert answer.context["errors"]
    assert mentor.windows.count() == 1


def test_windows_are_closed_and_opened_again():
    mentor = people.bob().mentor
    row = window(mentor)
    browser = console(people.carol())
    where = "/admin/sessions_app/availabilitywindow/"
    browser.post(where, {"action": "close", "_selected_action": [row.pk]})
    row.refresh_from_db()
    assert not row.is_active
    assert browser.get(f"{where}{row.pk}/change/").status_code == 200
    browser.post(where, {"action": "open_again", "_selected_action": [row.pk]})
    row.refresh_from_db()
    assert row.is_active


def test_a_window_with_a_session_is_not_closed_before_somebody_decides():
    mentor = people.bob().mentor
    row = window(mentor)
    session = booked(mentor, people.alice().mentee)
    browser = console(people.carol())
    body = {"action": "close", "_selected_action": [row.pk]}
    answer = browser.post("/admin/sessions_app/availabilitywindow/", body)
    assert answer.status_code == 409
    assert f'name="_selected_action" value="{row.pk}"' in answer.content.decode()
    row.refresh_from_db()
    assert row.is_active

    answer = browser.post(
        "/admin/sessions_app/availabilitywindow/",
        body | {f"decide-{session.pk}": "keep"},
        follow=True,
    )
    assert "1 closed." in messages_of(answer)
    row.refresh_from_db()
    session.refresh_from_db()
    assert (row.is_active, session.status, session.kept_at is None) == (False, "booked", False)


def test_sessions_are_cancelled_after_a_question():
    mentor = people.bob().mentor
    window(mentor)
    session = booked(mentor, people.alice().mentee)
    over = booked(mentor, MenteeFactory(), TOMORROW - timedelta(days=9), "completed")
    carol = people.carol()
    browser = console(carol)
    choice = {"action": "cancel", "_selected_action": [session.pk, over.pk]}
    answer = browser.post("/admin/sessions_app/session/", choice)
    assert answer.status_code == 200
    assert "Cancel this session?" in answer.content.decode()
    session.refresh_from_db()
    assert session.status == "booked"

    answer = browser.post(
        "/admin/sessions_app/session/",
        {**choice, "confirmed": "yes", "reason": "The building is closed."},
        follow=True,
    )
    assert "1 cancelled." in messages_of(answer)
    session.refresh_from_db()
    over.refresh_from_db()
    assert (session.status, over.status) == ("cancelled", "completed")
    event = session.events.get()
    assert (event.by, event.reason) == (carol, "The building is closed.")
    assert session.notifications.filter(kind="cancelled").count() == 2


def test_a_message_is_sent_again():
    mentor = people.bob().mentor
    session = booked(mentor, people.alice().mentee)
    sent, dropped = (
        Notification.objects.create(
            session=session, recipient=mentor.user, kind=kind, version=1, state=state
        )
        for kind, state in (("booked", "sent"), ("reminder_day", "dropped"))
    )
    console(people.carol()).post(
        "/admin/sessions_app/notification/",
        {"action": "send_again", "_selected_action": [sent.pk, dropped.pk]},
    )
    sent.refresh_from_db()
    dropped.refresh_from_db()
    assert (sent.state, dropped.state) == ("due", "dropped")


def test_dead_letters_are_replayed(world):
    OutboxRow.objects.update(status="dead", attempts=7)
    row = OutboxRow.objects.first()
    console(people.carol()).post(
        "/admin/sync/outboxrow/", {"action": "replay", "_selected_action": [row.pk]}
    )
    row.refresh_from_db()
    assert (row.status, row.attempts) == ("pending", 0)


def test_all_traffic_with_the_base_is_paused(world):
    binding = BaseBinding.objects.get()
    console(people.carol()).post(f"/admin/sync/basebinding/{binding.pk}/change/", {"paused": "on"})
    binding.refresh_from_db()
    assert binding.paused


def test_a_mentors_profile_and_skills_are_saved():
    mentor = people.bob(areas=["Sales"]).mentor
    skill = mentor.expertise.get()
    form = {
        "headline": "Sells to hospitals", "bio": "", "company": "", "title": "", "linkedin": "",
        "industries": "Health, SaaS", "stages": "", "languages": "", "is_active": "on",
        "visibility": "limited", "weekly_load_cap": "3", "session_minutes": "45",
        "buffer_before_minutes": "0", "buffer_after_minutes": "0", "minimum_notice_minutes": "60",
        "booking_horizon_days": "30", "consent_at_0": "2026-01-05", "consent_at_1": "09:00:00",
        "expertise-TOTAL_FORMS": "1", "expertise-INITIAL_FORMS": "1",
        "expertise-0-id": str(skill.pk), "expertise-0-mentor": str(mentor.pk),
        "expertise-0-area": "Sales", "expertise-0-sub_area": "Hospitals",
        "expertise-0-seniority": "leader", "expertise-0-weight": "5",
        "windows-TOTAL_FORMS": "0", "windows-INITIAL_FORMS": "0",
    }  # fmt: skip
    answer = console(people.carol()).post(f"/admin/mentors/mentor/{mentor.pk}/change/", form)
    assert answer.status_code == 302, answer.context["errors"]
    mentor.refresh_from_db()
    assert (mentor.headline, mentor.industries, mentor.weekly_load_cap) == (
        "Sells to hospitals",
        ["Health", "SaaS"],
        3,
    )
    assert mentor.expertise.get().sub_area == "Hospitals"


def test_a_manager_books_for_a_mentee_and_sets_a_rule_aside_knowingly():
    browser = console(people.carol())
    mentor, mentee = people.bob().mentor, people.alice().mentee
    day = (timezone.now() + timedelta(days=5)).astimezone(UTC)
    form = {
        "mentor": mentor.pk, "mentee": mentee.pk, "goal": "A favour",
        "starts_at_0": f"{day:%Y-%m-%d}", "starts_at_1": "10:00:00",
    }  # fmt: skip
    where = "/admin/sessions_app/session/"

    refused = browser.post(f"{where}add/", form)
    assert "has no office hours then" in refused.content.decode()
    assert not Session.objects.exists()

    assert browser.post(f"{where}add/", {**form, "override": "on"}).status_code == 302
    session = Session.objects.get()
    assert session.events.get().overrode == ["outside_window"]

    moved = {"starts_at_0": f"{day:%Y-%m-%d}", "starts_at_1": "11:00:00", "override": "on"}
    moved |= {
        f"{rows}-{total}_FORMS": 0
        for rows in ("events", "feedback")
        for total in ("TOTAL", "INITIAL")
    }
    assert browser.post(f"{where}{session.pk}/change/", moved).status_code == 302
    session.refresh_from_db()
    assert (session.starts_at.hour, session.version) == (11, 2)
    page = browser.get(f"{where}{session.pk}/change/").content.decode()
    assert "setting aside: the hours" in page
