from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from matching.models import MatchImpression, MatchRequest, MentorEmbedding
from mentors.models import Block, Mentor, SavedMentor
from sessions_app.models import (
    AvailabilityWindow,
    Feedback,
    HoursException,
    Meeting,
    MentorOpening,
    Notification,
    Session,
    SessionEvent,
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
from tests.factories import MenteeFactory, MentorFactory

pytestmark = [
    pytest.mark.django_db,
    # The page of schedules loads every task of the product.
    pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning"),
]
TOMORROW = (timezone.now() + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
HOUR = timedelta(hours=1)


def console(user: User) -> Client:
    """A browser in which that person signed in with a second factor."""
    browser = people.browser(user)
    session = browser.session
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "mfa", "type": "totp"}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return browser


def superuser() -> User:
    return User.objects.create_superuser("root@example.com", people.PASSWORD)


def window(mentor: Mentor, starts_at: datetime = TOMORROW, hours: int = 3) -> AvailabilityWindow:
    return AvailabilityWindow.objects.create(
        mentor=mentor, starts_at=starts_at, ends_at=starts_at + hours * HOUR
    )


def booked(mentor, mentee, starts_at: datetime = TOMORROW, status: str = "booked") -> Session:
    ends_at = starts_at + timedelta(minutes=30)
    meeting = Meeting.objects.create(
        mentor=mentor,
        starts_at=starts_at,
        ends_at=ends_at,
        live=status == "booked",
        window=mentor.windows.filter(starts_at__lte=starts_at, ends_at__gte=ends_at).first(),
    )
    return Session.objects.create(
        meeting=meeting,
        mentor=mentor,
        mentee=mentee,
        starts_at=starts_at,
        ends_at=ends_at,
        status=status,
        goal="Talk about the round",
    )


def messages_of(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


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
    assert console(who()).get(path).status_code == 403


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
@pytest.fixture
def world():
    """At least one row of everything that the console shows."""
    alice, bob, mallory = people.alice(), people.bob(areas=["Sales"]), people.mallory()
    mentor, mentee = bob.mentor, alice.mentee
    window(mentor)
    WeeklyHours.objects.create(
        mentor=mentor, weekday=1, starts="09:00", ends="12:00", starts_on=TOMORROW.date()
    )
    HoursException.objects.create(mentor=mentor, date=TOMORROW.date(), reason="Holiday")
    session = booked(mentor, mentee)
    SessionEvent.objects.create(session=session, at=timezone.now(), by=alice, to_status="booked")
    Feedback.objects.create(session=session, side="mentee", overall=5, comment="Good")
    Notification.objects.create(session=session, recipient=alice, kind="booked", version=1)
    SavedMentor.objects.create(mentee=mentee, mentor=mentor)
    Block.objects.create(mentee=mallory.mentee, mentor=mentor, kind="conflict")
    request = MatchRequest.objects.create(
        user=alice, query="money", model_id="m", policy="p", took_ms=3
    )
    MatchImpression.objects.create(request=request, mentor=mentor, position=1, score=80)
    MentorEmbedding.objects.create(
        mentor=mentor, model_id="m", chunk_no=0, text="Sales", text_hash="x", vector=[1.0, 0.0]
    )
    OutboxRow.objects.get_or_create(subject="mentor", object_id=mentor.pk)
    RecordLink.objects.create(
        table="Mentors", record_id="rec1", subject="mentor", object_id=mentor.pk
    )
    SyncConflict.objects.create(
        subject="mentor",
        object_id=mentor.pk,
        field="headline",
        winner="local",
        local="a",
        remote="b",
    )
    InboundChange.objects.create(webhook="ach1", position=1, payload={"x": 1})
    registration = WebhookRegistration(webhook_id="ach1", base_id="app1")
    registration.keep_secret("c2VjcmV0")
    registration.save()
    BaseBinding.objects.create(base_id="app1", deployment_id="here")
    return mentor


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


def test_the_front_page_lists_the_rooms_a_manager_may_enter(world):
    page = console(people.carol()).get("/admin/").content.decode()
    assert "/admin/mentors/mentor/" in page
    assert "/admin/sync/outboxrow/" in page
    assert "/admin/auth/group/" not in page
    assert "/admin/auth/group/" in console(superuser()).get("/admin/").content.decode()


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


def test_the_mentor_list_answers_the_questions_of_day_one(world):
    now = timezone.now()
    MentorOpening.objects.filter(mentor=world).update(
        next_start=datetime(2031, 5, 6, 9, tzinfo=UTC)
    )
    met = booked(world, MenteeFactory(), now - timedelta(days=3), "completed")
    Feedback.objects.create(session=met, side="mentee", overall=4)
    booked(world, MenteeFactory(), now - timedelta(days=30), "completed")
    OutboxRow.objects.all().delete()
    page = console(people.carol()).get("/admin/mentors/mentor/?q=Bob").content.decode()
    row = page[page.index("field-name") :]
    assert "Bob Mentor" in row
    assert "Oak Ventures" in row
    assert "Sales" in row
    assert "May 6, 2031" in row
    assert re.search(r"field-sessions_lately[^>]*>\s*1\s*<", row)
    assert re.search(r"field-rating[^>]*>\s*4\.5\s*<", row)
    assert "In step" in row


def test_mentors_are_filtered_by_area(world):
    MentorFactory(user__name="Someone Else", areas=["Legal"])
    page = console(people.carol()).get("/admin/mentors/mentor/?area=Sales").content.decode()
    assert "Bob Mentor" in page
    assert "Someone Else" not in page


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
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "Booked sessions lie in hours that would go" in page
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


def test_a_window_with_a_session_is_not_closed():
    mentor = people.bob().mentor
    row = window(mentor)
    booked(mentor, people.alice().mentee)
    answer = console(people.carol()).post(
        "/admin/sessions_app/availabilitywindow/",
        {"action": "close", "_selected_action": [row.pk]},
        follow=True,
    )
    assert "0 of 1 closed." in messages_of(answer)
    row.refresh_from_db()
    assert row.is_active


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
    browser.post("/admin/accounts/user/", {"action": "suspend", "_selected_action": [root.pk]})
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
    browser.post(where, {"action": "suspend", "_selected_action": [alice.pk]})
    alice.refresh_from_db()
    assert alice.status == "suspended"
    browser.post(where, {"action": "reactivate", "_selected_action": [alice.pk]})
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
