"""The commands that Airtable, the admin and the API share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.socialaccount.models import SocialAccount
from django.db import connection
from django.test import Client

from accounts import services as accounts, signals
from accounts.models import User
from accounts.refusals import Invalid, NotAllowed, NotFound
from mentors import services, vocabulary
from mentors.models import Expertise, Mentor
from tests import people
from tests.accounts.headless import Phone
from tests.factories import ExpertiseFactory, MentorFactory, UserFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)


def update(mentor, changes, by=None):
    return services.update_profile(mentor_id=mentor.pk, changes=changes, by=by)


def test_only_what_differs_is_written_and_then_the_time_with_it():
    with time_machine.travel(NOW, tick=False):
        mentor = MentorFactory(headline="Old")
    before = Mentor.objects.get().updated_at
    update(mentor, {"headline": "Old", "industries": []})
    assert Mentor.objects.get().updated_at == before
    update(mentor, {"headline": "New"})
    assert Mentor.objects.get().updated_at > before


def test_a_change_of_expertise_alone_touches_the_mentor():
    with time_machine.travel(NOW, tick=False):
        mentor = MentorFactory(areas=["Sales"])
    before = Mentor.objects.get().updated_at
    update(mentor, {"expertise_areas": ["sales"]})
    assert Mentor.objects.get().updated_at == before
    update(mentor, {"expertise_areas": ["Sales", "legal"]})
    assert Mentor.objects.get().updated_at > before


def test_areas_alone_keep_the_depth_of_those_that_stay():
    mentor = MentorFactory(areas=["Legal"])
    deep = ExpertiseFactory(
        mentor=mentor, area="Sales", sub_area="Enterprise", weight=5, seniority="leader"
    )
    also = ExpertiseFactory(mentor=mentor, area="Sales", sub_area="Self-serve", weight=1)
    updated = update(mentor, {"expertise_areas": ["SALES", " finance", "Own area", "own area"]})
    assert [(e.area, e.sub_area, e.weight) for e in updated.expertise.all()] == [
        ("Sales", "Enterprise", 5), ("Finance", "", 3), ("Own area", "", 3), ("Sales", "Self-serve", 1),
    ]  # fmt: skip
    assert {deep.pk, also.pk} <= set(Expertise.objects.values_list("pk", flat=True))
    update(mentor, {"expertise_areas": []})
    assert not Expertise.objects.exists()


def test_expertise_in_full_replaces_and_keeps_the_rows_that_stay():
    mentor = MentorFactory(areas=["Sales", "Legal"])
    sales = Expertise.objects.get(area="Sales")
    update(
        mentor,
        {"expertise": [{"area": "sales", "weight": 4}, {"area": "Sales", "sub_area": "B2B"}]},
    )
    sales.refresh_from_db()
    assert sales.weight == 4
    assert set(Expertise.objects.values_list("area", "sub_area")) == {
        ("Sales", ""),
        ("Sales", "B2B"),
    }


def test_name_and_photo_are_the_persons():
    mentor = MentorFactory()
    updated = update(
        mentor, {"name": "Bobby", "photo_source": "https://x.org/p.png", "title": "CEO"}
    )
    assert (updated.user.name, updated.user.photo_source, updated.title) == (
        "Bobby", "https://x.org/p.png", "CEO",
    )  # fmt: skip


def test_every_wrong_field_is_named_at_once_and_nothing_is_written():
    mentor = MentorFactory(headline="Old")
    changes = {
        "headline": "x" * 201, "linkedin": "ftp://x.org", "session_minutes": 4, "weekly_load_cap": "many",
        "weekly_load_cap ": 1, "visibility": "secret", "industries": "Health", "stages": [5], "is_active": "maybe",
        "bio": 5, "title": "a\0b", "name": "", "photo_source": "javascript:alert(1)", "user_id": 1,
        "expertise": [{"area": "Sales", "weight": True}], "buffer_after_minutes": None,
    }  # fmt: skip
    with pytest.raises(Invalid) as caught:
        update(mentor, changes)
    fields = caught.value.extra["fields"]
    assert set(changes) - {"expertise"} <= set(fields)
    assert "expertise.0.weight" in fields
    assert all(isinstance(sentence, str) for sentences in fields.values() for sentence in sentences)
    mentor.refresh_from_db()
    assert mentor.headline == "Old"


@pytest.mark.parametrize(
    "expertise",
    [5, "Sales", ["Sales"], [{"area": ""}], [{"area": None}], [{"area": "x" * 61}], [{"weight": 1}],
     [{"area": "Sales", "seniority": "guru"}], [{"area": "Sales", "weight": 0}], [{"area": "Sales", "weight": 2.5}],
     [{"area": "Sales", "mentor_id": "x"}], [{"area": "a\0"}], [{"area": "S"}] * 51, [{"area": "S"}, {"area": "s"}],
     [{"area": "Sales", "weight": 99999}], [{"area": "Sales", "weight": None}], [{1: 2}]],
)  # fmt: skip
def test_expertise_that_cannot_be_is_refused(expertise):
    mentor = MentorFactory(areas=["Legal"])
    with pytest.raises(Invalid):
        update(mentor, {"expertise": expertise})
    assert Expertise.objects.get().area == "Legal"


def test_nothing_means_empty_where_a_text_or_list_is_meant():
    mentor = MentorFactory(industries=["Health"], areas=["Sales"])
    updated = update(
        mentor, {"headline": None, "industries": None, "expertise_areas": None, "linkedin": None}
    )
    assert (updated.headline, updated.industries, updated.linkedin) == ("", [], "")
    assert not updated.expertise.exists()


def test_only_the_mentor_and_program_managers_change_a_profile():
    bob = people.bob()
    update(bob.mentor, {"title": "A"}, by=bob)
    update(bob.mentor, {"title": "B"}, by=people.carol())
    with pytest.raises(NotFound):
        update(bob.mentor, {"title": "C"}, by=people.mallory())
    assert Mentor.objects.get().title == "B"


def test_tags_are_tidied():
    assert vocabulary.tidy([" saas", "SaaS", "", "My  word", "my word"], vocabulary.INDUSTRIES) == [
        "SaaS",
        "My word",
    ]


# -- Admitting people --------------------------------------------------------------------------
def admit(email="Dora@Example.com", **changes):
    return services.admit_mentor(
        email=email, name="Dora", changes={"title": "CTO", **changes}, now=NOW
    )


def test_a_new_person_is_made_without_a_password_and_twice_is_once():
    mentor = admit(expertise_areas=["Sales"])
    user = User.objects.get()
    assert (user.email, user.name, user.role, user.has_usable_password()) == (
        "dora@example.com",
        "Dora",
        "mentor",
        False,
    )
    assert (mentor.title, mentor.consent_at) == ("CTO", NOW)
    assert not EmailAddress.objects.get().verified
    again = admit("dora@example.com", title="CEO")
    assert again.pk == mentor.pk
    assert again.title == "CEO"
    assert User.objects.count() == EmailAddress.objects.count() == 1


def test_what_cannot_be_admitted_leaves_nobody_behind():
    with pytest.raises(Invalid):
        admit(linkedin="ftp://x.org")
    assert not User.objects.exists()


def test_a_verified_person_is_linked_and_keeps_their_sign_in():
    alice = people.alice()
    browser = people.browser(alice)
    mentor = admit("ALICE@example.com")
    assert mentor.user == alice
    assert mentor.user.mentee == alice.mentee
    assert mentor.user.role == "mentor"
    assert mentor.user.check_password(people.PASSWORD)
    assert browser.get("/settings/").status_code == 200


def test_a_squatter_of_the_address_is_out_before_it_is_linked():
    squatter = UserFactory(email="dora@example.com", password="mine-all-mine-1", verified=False)
    EmailAddress.objects.create(user=squatter, email="evil@example.com", verified=True)
    SocialAccount.objects.create(user=squatter, provider="google", uid="evil")
    TOTP.activate(squatter, generate_totp_secret())
    browser, script = people.browser(squatter), people.api(squatter)
    mentor = admit()
    assert mentor.user == squatter
    assert not mentor.user.has_usable_password()
    assert browser.get("/settings/").status_code == 302
    assert script.get("/api/profiles/me").status_code == 401
    assert list(EmailAddress.objects.values_list("email", "verified")) == [
        ("dora@example.com", False)
    ]
    assert not SocialAccount.objects.exists()
    assert not Authenticator.objects.exists()


def test_the_verified_owner_of_an_address_is_found_before_somebody_who_only_names_it():
    owner = UserFactory(email="old@example.com")
    EmailAddress.objects.create(user=owner, email="dora@example.com", verified=True)
    UserFactory(email="dora@example.com", verified=False)
    assert admit().user == owner


@pytest.mark.parametrize("role", ["pm", "admin"])
def test_program_managers_are_never_touched(role):
    carol = people.carol(name="Carol")
    User.objects.filter(pk=carol.pk).update(role=role)
    with pytest.raises(NotAllowed):
        admit("carol@example.com")
    with pytest.raises(NotAllowed):
        services.admit_mentee(email="carol@example.com", name="X", changes={}, now=NOW)
    carol.refresh_from_db()
    assert carol.name == "Carol"
    assert not Mentor.objects.exists()


def test_a_suspended_person_stays_suspended():
    people.alice(status="suspended")
    assert admit("alice@example.com").user.status == "suspended"


def test_a_mentor_may_become_a_mentee_besides_and_stays_a_mentor():
    bob = people.bob()
    mentee = services.admit_mentee(
        email=bob.email, name="Bob Mentor", changes={"stage": "seed"}, now=NOW
    )
    assert mentee.user == bob
    assert (mentee.stage, mentee.user.role) == ("Seed", "mentor")


def test_an_admitted_person_claims_the_account_by_code():
    from tests.accounts.headless import AUTH
    from tests.accounts.test_sign_in import code_in_mail

    admit()
    phone = Phone()
    phone.call("post", f"{AUTH}/code/request", {"email": "dora@example.com"})
    phone.call("post", f"{AUTH}/code/confirm", {"code": code_in_mail()})
    assert phone.call("get", "/api/profiles/me").json()["mentor"]["title"] == "CTO"
    assert EmailAddress.objects.get().verified
    assert Client().get("/settings/").status_code == 302


@pytest.mark.django_db(transaction=True)
def test_one_address_admitted_eight_times_at_once_is_one_mentor():
    barrier = Barrier(8)

    def go(n):
        barrier.wait(timeout=20)
        try:
            return admit(headline=f"Line {n}").pk
        finally:
            connection.close()  # each thread has its own

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(go, range(8)))) == 1
    assert User.objects.count() == Mentor.objects.count() == EmailAddress.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_person_who_changes_both_rows_and_airtable_never_wait_in_a_circle():
    bob = people.bob()
    barrier = Barrier(6)

    def go(n):
        barrier.wait(timeout=20)
        try:
            for turn in range(10):
                if n % 3 == 0:
                    update(bob.mentor, {"headline": f"{n} {turn}", "name": f"Bob {n} {turn}"})
                elif n % 3 == 1:
                    zone = ("Asia/Tokyo", "Europe/Madrid")[turn % 2]
                    accounts.update_person(user_id=bob.pk, changes={"time_zone": zone}, now=NOW)
                else:
                    admit("bob@example.com", headline=f"{n} {turn}")
        finally:
            connection.close()

    def lock_mentor(user, **_):
        Mentor.objects.select_for_update(no_key=True).get(user=user)

    signals.time_zone_changed.connect(lock_mentor)
    try:
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(go, range(6)))  # a deadlock would raise
    finally:
        signals.time_zone_changed.disconnect(lock_mentor)
