from __future__ import annotations

import pytest
from django.core import mail

from accounts.models import User
from tests import people
from tests.config.console import console, superuser
from tests.factories import MenteeFactory

pytestmark = pytest.mark.django_db


# -- People ------------------------------------------------------------------------------------
def person_form(**changes) -> dict[str, str]:
    return {
        "name": "Alice Founder",
        "role": "mentee",
        "time_zone": "UTC",
        "language": "en",
        "photo_source": "",
        **changes,
    }


def test_a_role_is_given_with_its_group():
    alice, root = people.alice(), console(superuser())
    page = f"/admin/accounts/user/{alice.pk}/change/"
    assert root.post(page, person_form(role="pm", time_zone="Europe/Paris")).status_code == 302
    alice.refresh_from_db()
    assert (alice.role, alice.time_zone) == ("pm", "Europe/Paris")
    assert alice.groups.get().name == "Program managers"


@pytest.mark.parametrize("role", ["pm", "admin"])
def test_a_manager_makes_nobody_staff(role):
    alice = people.alice()
    answer = console(people.carol()).post(
        f"/admin/accounts/user/{alice.pk}/change/", person_form(role=role)
    )
    assert answer.status_code == 200
    alice.refresh_from_db()
    assert alice.role == "mentee"


def test_a_manager_does_not_touch_an_administrator():
    root, browser = superuser(), console(people.carol())
    assert (
        browser.post(
            f"/admin/accounts/user/{root.pk}/change/", person_form(name="Gone")
        ).status_code
        == 403
    )
    browser.post("/admin/accounts/user/bulk/suspend/", {"chosen": root.pk, "step": "do"})
    root.refresh_from_db()
    assert (root.name, root.status) == ("root", "active")


def test_no_right_can_be_smuggled_in():
    alice = people.alice()
    console(people.carol()).post(
        f"/admin/accounts/user/{alice.pk}/change/",
        person_form(is_superuser="on", groups="1", status="suspended", email="x@example.com"),
    )
    alice.refresh_from_db()
    assert not alice.is_superuser
    assert not alice.groups.exists()
    assert (alice.status, alice.email) == ("active", "alice@example.com")


def test_people_are_suspended_and_let_in_again():
    alice, browser = people.alice(), console(people.carol())
    alices = people.browser(alice)
    where = "/admin/accounts/user/"
    first = browser.post(where, {"action": "suspend", "_selected_action": [alice.pk]})
    assert "signed out everywhere" in first.content.decode()
    alice.refresh_from_db()
    assert alice.status == "active", "Nothing happens before somebody has seen what would."
    browser.post(f"{where}bulk/suspend/", {"chosen": alice.pk, "step": "do"})
    alice.refresh_from_db()
    assert alice.status == "suspended"
    browser.post(f"{where}bulk/reactivate/", {"chosen": alice.pk, "step": "do"})
    alice.refresh_from_db()
    assert alice.status == "active"
    assert alices.get("/accounts/email/").status_code == 302  # nothing of before came back to life


def test_a_person_is_added_and_claims_the_account_by_code():
    answer = console(people.carol()).post(
        "/admin/accounts/user/add/",
        person_form(email="New.Founder@example.com", name="New Founder", role="mentor"),
    )
    assert answer.status_code == 302
    user = User.objects.get(email="new.founder@example.com")
    assert (user.name, user.role) == ("New Founder", "mentor")
    assert not user.has_usable_password()


def test_no_page_shows_a_password_hash():
    alice = people.alice()
    page = console(superuser()).get(f"/admin/accounts/user/{alice.pk}/change/").content.decode()
    assert alice.password not in page
    assert "password" not in page.lower().replace("/admin/password_change/", "").replace(
        "change password", ""
    )


def test_a_reset_link_is_sent():
    alice = people.alice()
    console(people.carol()).post(
        "/admin/accounts/user/", {"action": "send_reset_link", "_selected_action": [alice.pk]}
    )
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]


def test_a_person_who_becomes_a_mentor_gets_the_role():
    user = MenteeFactory().user
    form = {
        "user": str(user.pk), "visibility": "public", "is_active": "on", "weekly_load_cap": "3",
        "session_minutes": "30", "buffer_before_minutes": "0", "buffer_after_minutes": "0",
        "minimum_notice_minutes": "60", "booking_horizon_days": "30",
        "expertise-TOTAL_FORMS": "0", "expertise-INITIAL_FORMS": "0",
        "windows-TOTAL_FORMS": "0", "windows-INITIAL_FORMS": "0",
    }  # fmt: skip
    answer = console(people.carol()).post("/admin/mentors/mentor/add/", form)
    assert answer.status_code == 302, answer.context["errors"]
    user.refresh_from_db()
    assert user.role == "mentor"
    assert user.mentor.pk


def test_schedules_keep_the_list_of_our_tasks():
    from django_celery_beat.models import PeriodicTask

    task = PeriodicTask.objects.first()
    page = console(superuser()).get(f"/admin/django_celery_beat/periodictask/{task.pk}/change/")
    assert "sessions_app.tasks.send_due_messages" in page.content.decode()
