from __future__ import annotations

import re

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from matching.models import MatchRequest, MentorEmbedding
from mentors.models import Block, Mentor, SavedMentor
from sessions_app.models import (
    AvailabilityWindow,
    Feedback,
    Meeting,
    Notification,
    Session,
    WeeklyHours,
)
from sync.models import (
    BaseBinding,
    InboundChange,
    OutboxRow,
    RecordLink,
    SyncConflict,
    WebhookRegistration,
)
from tests import people
from tests.config.console import booked, console, messages_of, superuser, window
from tests.factories import MenteeFactory, MentorFactory

pytestmark = pytest.mark.django_db


# -- The door ----------------------------------------------------------------------------------
def test_a_stranger_is_sent_to_the_sign_in_page():
    answer = Client().get("/admin/mentors/mentor/?q=x")
    assert answer.status_code == 302
    assert answer["Location"] == "/accounts/login/?next=%2Fadmin%2Fmentors%2Fmentor%2F%3Fq%3Dx"


def test_no_password_is_taken_at_the_admins_own_door():
    superuser()
    browser = Client()
    answer = browser.post(
        "/admin/login/?next=/admin/",
        {"username": "root@example.com", "password": people.PASSWORD},
    )
    assert answer.status_code == 302
    assert answer["Location"] == "/accounts/login/?next=%2Fadmin%2F"
    assert "_auth_user_id" not in browser.session


@pytest.mark.parametrize("who", [people.alice, people.bob])
@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/admin/mentors/mentor/"])
def test_whoever_is_not_staff_is_refused(who, path):
    answer = console(who()).get(path)
    assert answer.status_code == 403
    # It would not help them, and leads nowhere they may go.
    assert "second factor" not in answer.content.decode()


def test_staff_without_a_second_factor_are_led_to_set_one_up():
    answer = people.browser(people.carol()).get("/admin/", follow=True)
    assert answer.redirect_chain[0][0] == "/accounts/2fa/"
    assert any("second factor" in sentence for sentence in messages_of(answer))


def test_staff_who_have_one_but_did_not_use_it_are_asked_for_it():
    carol = people.carol()
    Authenticator.objects.create(user=carol, type="totp", data={"secret": "x"})
    answer = people.browser(carol).get("/admin/mentors/mentor/")
    assert answer["Location"] == "/accounts/2fa/reauthenticate/?next=%2Fadmin%2Fmentors%2Fmentor%2F"


def test_a_second_factor_of_somebody_elses_session_does_not_count():
    browser = console(people.carol())
    browser.force_login(superuser())
    assert browser.get("/admin/").status_code == 302


def test_on_a_laptop_a_password_is_enough(settings):
    settings.DEBUG = True
    assert people.browser(people.carol()).get("/admin/").status_code == 200


def test_a_suspended_manager_is_out_at_once():
    carol = people.carol()
    browser = console(carol)
    assert browser.get("/admin/").status_code == 200
    User.objects.filter(pk=carol.pk).update(status="suspended")
    assert browser.get("/admin/")["Location"].startswith("/accounts/login/")


def test_the_way_back_stays_on_this_host():
    answer = console(people.carol()).get("/admin/login/?next=https://evil.example/")
    assert answer["Location"] == "/admin/"


def test_passwords_are_changed_on_the_account_pages():
    answer = console(people.carol()).get("/admin/password_change/")
    assert answer["Location"] == reverse("account_change_password")


# -- Every page opens --------------------------------------------------------------------------
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


def pages_of(model) -> list[str]:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    first = model._default_manager.order_by("pk").first()
    change = [reverse(f"{name}_change", args=[first.pk])] if first else []
    return [
        reverse(f"{name}_changelist"),
        f"{reverse(f'{name}_changelist')}?q=a",
        reverse(f"{name}_add"),
        *change,
    ]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
@pytest.mark.parametrize("who", [people.carol, superuser], ids=["carol", "superuser"])
def test_every_page_opens_or_says_no(world, model, who):
    user = who()
    browser = console(user)
    for page in pages_of(model):
        answer = browser.get(page, follow=True)
        assert answer.status_code in {200, 403}, page
        if answer.status_code == 403:
            shown = admin.site._registry[model]
            request = answer.wsgi_request
            allowed = {
                "add": shown.has_add_permission(request),
                "": shown.has_view_or_change_permission(request),
            }
            assert not allowed["add" if page.endswith("/add/") else ""], page


def test_what_a_manager_works_with_opens(world):
    browser = console(people.carol())
    for model in (
        User, Mentor, AvailabilityWindow, Session, Meeting, Feedback, Notification, SavedMentor,
        Block, OutboxRow, RecordLink, SyncConflict, InboundChange, WebhookRegistration, BaseBinding,
        MatchRequest, MentorEmbedding, WeeklyHours,
    ):  # fmt: skip
        for page in pages_of(model):
            if not page.endswith("/add/"):
                assert browser.get(page).status_code == 200, page


def test_everything_lists_the_rooms_a_manager_may_enter(world):
    page = console(people.carol()).get("/admin/everything/").content.decode()
    assert "/admin/mentors/mentor/" in page
    assert "/admin/sync/outboxrow/" in page
    assert "/admin/auth/group/" not in page
    assert "/admin/auth/group/" in console(superuser()).get("/admin/everything/").content.decode()


def test_the_secret_of_a_webhook_and_private_notes_are_on_no_page(world):
    Session.objects.update(mentor_notes="between us", mentee_notes="only mine")
    root = console(superuser())
    shown = "".join(
        root.get(page).content.decode()
        for model in (Session, WebhookRegistration)
        for page in pages_of(model)
        if not page.endswith("/add/")
    )
    secret = WebhookRegistration.objects.get().mac_secret
    assert not re.search(f"between us|only mine|{re.escape(secret)}", shown)


# -- Lists -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path",
    [
        "mentors/mentor", "mentors/mentee", "accounts/user", "sessions_app/session",
        "sessions_app/availabilitywindow", "sessions_app/meeting", "sessions_app/feedback",
        "sessions_app/notification",
    ],
)  # fmt: skip
def test_a_list_asks_as_often_for_fifty_rows_as_for_five(path):
    browser = console(people.carol())
    browser.get("/admin/")  # notes that Carol was seen, once
    counts = []
    for rows in (5, 45):
        for _ in range(rows):
            mentor = MentorFactory(areas=["Sales", "Legal"])
            window(mentor)
            session = booked(mentor, MenteeFactory())
            Feedback.objects.create(session=session, side="mentee", overall=4)
            Notification.objects.create(
                session=session, recipient=mentor.user, kind="booked", version=1
            )
        with CaptureQueriesContext(connection) as queries:
            answer = browser.get(f"/admin/{path}/")
        assert answer.status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_mentors_are_filtered_by_area(world):
    MentorFactory(user__name="Someone Else", areas=["Legal"])
    page = console(people.carol()).get("/admin/mentors/mentor/?area=Sales").content.decode()
    assert "Bob Mentor" in page
    assert "Someone Else" not in page


def test_every_control_of_a_table_has_a_name_and_a_page_says_whose_it_is():
    bob = people.bob(areas=["Sales"])
    manager = console(people.carol())
    table = manager.get("/admin/mentors/mentor/").content.decode()
    page = manager.get(f"/admin/mentors/mentor/{bob.mentor.pk}/change/").content.decode()
    for name in ("form-0-visibility", "form-0-is_active"):
        assert "aria-label=" in re.search(rf"<(?:input|select)[^>]+{name}[^>]*>", table)[0]
    assert 'aria-label="Seniority"' in page
    assert re.search(r"<title>\s*Bob Mentor", page)
