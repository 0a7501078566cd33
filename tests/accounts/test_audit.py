"""Who changed what, when and from where, whatever path wrote it (PRODUCT A7)."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from celery import current_app
from django.db import connection, transaction
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import acting, changes
from accounts.models import AuditEntry, ProgramSettings, User
from content.models import HelpPrompt, MessageTemplate
from matching.models import MatchPolicy
from mentors.models import Expertise, Mentee, Mentor
from sessions_app.links import Verb, make_link
from sessions_app.models import AvailabilityWindow, Session
from sync.rollout.models import RolloutFlag
from tests import people
from tests.config.console import booked, console, window
from tests.factories import MenteeFactory, MentorFactory

pytestmark = pytest.mark.django_db


def entries(row, **more):
    return list(AuditEntry.objects.filter(object_id=row.pk, **more).order_by("id"))


def last(row):
    return entries(row)[-1]


# -- What is kept ------------------------------------------------------------------------------
def test_a_change_is_kept_with_what_was_before_and_what_came():
    bob = MentorFactory(headline="Before", weekly_load_cap=5, industries=["Health"])
    bob.headline, bob.industries = "After", ["Health", "Energy"]
    bob.save()
    assert last(bob).subject == "mentors.mentor"
    assert last(bob).action == "changed"
    assert last(bob).changes == {
        "headline": ["Before", "After"],
        "industries": [["Health"], ["Health", "Energy"]],
    }
    assert timezone.now() - last(bob).at < timedelta(minutes=1)


@pytest.mark.parametrize("path", ["save", "update", "bulk_update", "sql"])
def test_whatever_path_wrote_it(path):
    bob = MentorFactory(title="A")
    if path == "save":
        bob.title = "B"
        bob.save()
    elif path == "update":
        Mentor.objects.filter(pk=bob.pk).update(title="B")
    elif path == "bulk_update":
        bob.title = "B"
        Mentor.objects.bulk_update([bob], ["title"])
    else:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE mentors_mentor SET title = 'B' WHERE id = %s", [bob.pk])
    assert last(bob).changes == {"title": ["A", "B"]}


def test_saving_without_a_change_is_no_change():
    bob = MentorFactory()
    count = AuditEntry.objects.count()
    bob.save()
    User.objects.filter(pk=bob.user_id).update(last_seen_at=timezone.now())
    assert AuditEntry.objects.count() == count


def test_what_comes_and_what_goes():
    bob = MentorFactory(areas=["Sales"])
    area = Expertise.objects.get()
    key = area.pk
    area.delete()
    came, went = AuditEntry.objects.filter(object_id=key).order_by("id")
    assert (came.action, came.changes) == ("added", {})
    assert (went.action, went.about) == ("removed", str(bob.pk))
    assert went.changes["area"] == ["Sales", None]
    assert "sub_area" not in went.changes  # there was none


@pytest.mark.parametrize(
    ("make", "changes"),
    [
        (lambda: MentorFactory(), {"visibility": "private"}),
        (lambda: MenteeFactory(), {"goals": "Other"}),
        (lambda: MenteeFactory().user, {"name": "Other"}),
        (lambda: window(people.bob().mentor), {"capacity": 4}),
        (lambda: booked(MentorFactory(), MenteeFactory()), {"goal": "Other"}),
        (lambda: booked(MentorFactory(), MenteeFactory()).meeting, {"location": "There"}),
        (lambda: MessageTemplate.objects.create(name="x"), {"body": "Other"}),
        (lambda: HelpPrompt.objects.create(category="a", topic="b"), {"response": "Other"}),
        (lambda: ProgramSettings.objects.create(), {"name": "Other"}),
        (lambda: RolloutFlag.objects.create(endpoint="mentor_list"), {"sample_percent": 3}),
        (lambda: MatchPolicy.objects.get(), {"state": "retired"}),
    ],
)
def test_profiles_windows_sessions_templates_policies_and_flags(make, changes):
    row = make()
    type(row)._default_manager.filter(pk=row.pk).update(**changes)
    assert set(last(row).changes) == set(changes)


def test_no_secret_and_no_private_note_is_kept():
    session = booked(MentorFactory(), MenteeFactory())
    Session.objects.filter(pk=session.pk).update(mentor_notes="between us", mentee_notes="mine")
    assert last(session).changes == {"mentor_notes": None, "mentee_notes": None}
    alice = people.alice()
    alice.set_password("another-password-9")
    alice.save()
    assert last(alice).changes == {"password": None}
    alice.mentee.delete()
    alice.delete()
    kept = json.dumps(list(AuditEntry.objects.values_list("changes", flat=True)))
    for secret in ("between us", "md5$", "another-password"):
        assert secret not in kept


# -- Who, and from where -----------------------------------------------------------------------
def test_without_anybody_it_is_the_databases_user():
    bob = MentorFactory()
    Mentor.objects.filter(pk=bob.pk).update(title="B")
    assert last(bob).actor is None
    assert last(bob).origin.startswith("database user ")


def test_a_page_of_the_console():
    bob, carol = people.bob(), people.carol()
    browser = console(carol)
    path = "/admin/content/helpprompt/add/"
    browser.post(
        path, {"category": "Money", "topic": "Fees", "response": "None."}, REMOTE_ADDR="192.0.2.7"
    )
    entry = last(HelpPrompt.objects.get())
    assert (entry.action, entry.actor) == ("added", carol)
    assert entry.origin == "POST /admin/content/helpprompt/add/"
    assert entry.address == "192.0.2.7"
    assert not [row for row in entries(bob.mentor) if row.actor_id]


def test_the_api_by_token_and_our_own_pages():
    alice = people.alice()
    people.api(alice).patch(
        f"/api/profiles/{alice.pk}", {"mentee": {"goals": "By API"}}, format="json"
    )
    entry = last(alice.mentee)
    assert (entry.actor, entry.origin) == (alice, "PATCH /api/profiles/<uuid:user_id>")
    people.browser(alice).post(
        "/settings/", {"name": "Alice X", "time_zone": "UTC", "language": "en"}
    )
    assert (last(alice).actor, last(alice).origin) == (alice, "POST /settings/")
    assert last(alice).changes == {"name": ["Alice Founder", "Alice X"]}


def test_a_link_in_a_mail_acts_for_its_person_and_its_token_is_not_kept():
    alice, bob = people.alice(), people.bob()
    session = booked(bob.mentor, alice.mentee)
    link = make_link(Verb.CANCEL, row_id=session.pk, user_id=alice.pk, version=session.version)
    address = "/l/" + link.rpartition("/l/")[2]
    people.Client().post(address, {"reason": "Ill"})
    session.refresh_from_db()
    assert session.status == "cancelled"
    found = last(session)
    assert found.actor == alice
    assert found.origin.startswith("POST /l/<")
    assert address.strip("/").split("/")[-1] not in found.origin


def test_a_task_and_what_comes_after_it(transactional_db):
    @current_app.task(name="tests.audit_task")
    def work():
        Mentor.objects.filter(pk=bob.pk).update(title="By task")

    bob = MentorFactory()
    work.apply()
    assert last(bob).origin == "task tests.audit_task"
    Mentor.objects.filter(pk=bob.pk).update(title="After")
    assert last(bob).origin.startswith("database user ")


def test_plain_sql_of_ours_is_known_too_also_below_a_with():
    bob = MentorFactory()
    with acting.through("command x"), connection.cursor() as cursor:
        cursor.execute(
            "WITH chosen AS (SELECT id FROM mentors_mentor WHERE id = %s) "
            "UPDATE mentors_mentor m SET title = 'of 100%%' FROM chosen WHERE m.id = chosen.id",
            [bob.pk],
        )
        assert cursor.rowcount == 1
        assert last(bob).origin == "command x"
        cursor.execute(f"UPDATE mentors_mentor SET title = 'it''s 100%' WHERE id = '{bob.pk}'")
        assert cursor.rowcount == 1
        cursor.execute(
            "UPDATE mentors_mentor SET title = 'x' WHERE id = %s RETURNING title", [bob.pk]
        )
        assert cursor.fetchall() == [("x",)]
    assert last(bob).changes == {"title": ["it's 100%", "x"]}


def test_quotes_and_bars_in_what_is_told_do_no_harm():
    bob = MentorFactory()
    with acting.through("it's|100% 'odd'\0"):
        Mentor.objects.filter(pk=bob.pk).update(title="B")
    assert last(bob).origin == "it's 100% 'odd'"


def test_what_is_said_ends_with_its_transaction(transactional_db):
    bob = MentorFactory()
    with acting.through("first"), transaction.atomic():
        Mentor.objects.filter(pk=bob.pk).update(title="B")
        undone = transaction.savepoint()
        Mentor.objects.filter(pk=bob.pk).update(title="C")
        transaction.savepoint_rollback(undone)
        # The savepoint took what was said with it, so it must be said again.
        Mentor.objects.filter(pk=bob.pk).update(title="D")
    Mentor.objects.filter(pk=bob.pk).update(title="E")
    assert [(e.origin.split()[0], e.changes["title"][1]) for e in entries(bob, action="changed")] == [
        ("first", "B"), ("first", "D"), ("database", "E"),
    ]  # fmt: skip


def test_it_costs_no_query(django_assert_num_queries):
    bob = MentorFactory()
    with acting.through("here"):
        with django_assert_num_queries(1):
            Mentor.objects.filter(pk=bob.pk).update(title="B")
        with django_assert_num_queries(1):
            Mentor.objects.filter(pk=bob.pk).exists()
        with CaptureQueriesContext(connection) as queries:
            list(Mentor.objects.all())
            AvailabilityWindow.objects.filter(mentor=bob).update(location="x")
    assert "set_config" not in queries[0]["sql"]
    assert "set_config" in queries[1]["sql"]


def test_rows_are_made_as_ever_while_somebody_is_known():
    with acting.through("here"):
        made = Mentor.objects.bulk_create([Mentor(user=MenteeFactory().user) for _ in range(3)])
        flag = RolloutFlag.objects.create(endpoint="mentor_card")
        one, is_new = RolloutFlag.objects.get_or_create(endpoint="mentor_card")
        assert Mentee.objects.filter(pk=MenteeFactory().pk).update(company="C") == 1
        assert "mentors.Mentor" in Mentor.objects.filter(pk=made[0].pk).delete()[1]
    assert (one, is_new) == (flag, False)
    assert last(flag).origin == last(made[1]).origin == "here"


def test_a_request_that_knows_nobody_yet_asks_the_database_nothing(django_assert_num_queries):
    from accounts.middleware import ActingMiddleware

    bob = MentorFactory()

    def view(request):
        with django_assert_num_queries(1):
            Mentor.objects.filter(pk=bob.pk).update(title="B")

    ActingMiddleware(view)(RequestFactory().get("/x/"))
    assert last(bob).origin == "GET "
    assert last(bob).address == "127.0.0.1"


# -- Keeping and forgetting --------------------------------------------------------------------
def test_old_changes_are_forgotten_after_so_many_months():
    bob = MentorFactory()
    ProgramSettings.objects.create(audit_months=2)
    now = timezone.now()
    old = AuditEntry.objects.filter(object_id=bob.pk)
    old.update(at=now - timedelta(days=70))
    Mentor.objects.filter(pk=bob.pk).update(title="New")
    changes.forget_old(now=now)
    assert [entry.changes for entry in entries(bob)] == [{"title": ["", "New"]}]


def test_a_person_who_is_erased_is_in_no_entry():
    alice = people.alice()
    bob = MentorFactory()
    with acting.as_person(alice.pk):
        Mentor.objects.filter(pk=bob.pk).update(title="By Alice")
    Mentee.objects.filter(pk=alice.mentee.pk).update(goals="Something of hers")
    changes.forget_person(user_id=alice.pk, rows=[alice.pk, alice.mentee.pk])
    assert not AuditEntry.objects.filter(actor_id=alice.pk).exists()
    assert last(bob).changes == {"title": ["", "By Alice"]}
    assert last(bob).address == ""
    assert [entry.changes for entry in entries(alice.mentee)] == [{}, {"goals": None}]
