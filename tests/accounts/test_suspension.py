"""Whoever is no longer active is out everywhere, at the next request, for good."""

from __future__ import annotations

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services
from accounts.models import ApiToken
from accounts.refusals import NotAllowed
from tests import people
from tests.accounts.headless import app_session

pytestmark = pytest.mark.django_db


class Devices:
    """Alice's browser, script and phone."""

    def __init__(self, alice):
        self.browser = people.browser(alice)
        self.script = people.api(alice)
        self.phone = APIClient(headers={"X-Session-Token": app_session(alice.email)})

    def statuses(self) -> tuple[int, int, int]:
        return (
            self.browser.get("/settings/").status_code,
            self.script.get("/api/profiles/me").status_code,
            self.phone.get("/api/profiles/me").status_code,
        )


IN, OUT = (200, 200, 200), (302, 401, 401)


def by_service(alice):
    services.suspend(user=alice, by=people.carol(), now=timezone.now())
    assert not alice.is_active


def by_sql(alice):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET status = 'inactive' WHERE id = %s", [alice.pk])


@pytest.mark.parametrize("way", [by_service, by_sql])
def test_a_suspension_by_any_way_signs_out_everywhere_at_once(way):
    alice = people.alice()
    devices = Devices(alice)
    assert devices.statuses() == IN
    way(alice)
    assert devices.statuses() == OUT


@pytest.mark.parametrize("way", [by_service, by_sql])
def test_what_ended_does_not_come_back_with_the_person(way):
    alice = people.alice()
    devices = Devices(alice)
    way(alice)
    services.reactivate(user=alice, by=None, now=timezone.now())
    assert alice.is_active or way is by_sql
    if way is by_sql:  # the row in memory was active all along
        alice.refresh_from_db()
        services.suspend(user=alice, by=None, now=timezone.now())
        services.reactivate(user=alice, by=None, now=timezone.now())
    assert devices.statuses() == OUT
    assert Devices(alice).statuses() == IN


def test_nothing_is_ended_by_reactivating_the_active():
    alice = people.alice()
    devices = Devices(alice)
    services.reactivate(user=alice, by=people.carol(), now=timezone.now())
    assert devices.statuses() == IN


def test_the_tokens_of_a_suspended_person_are_deleted():
    alice = people.alice()
    people.api(alice)
    services.suspend(user=alice, by=None, now=timezone.now())
    assert not ApiToken.objects.exists()


def test_only_program_managers_suspend_and_not_themselves_nor_administrators():
    alice, carol = people.alice(), people.carol()
    admin = services.set_role(user=people.mallory(), role="admin")
    for by, user in ((alice, carol), (carol, carol), (carol, admin)):
        with pytest.raises(NotAllowed):
            services.suspend(user=user, by=by, now=timezone.now())
    assert services.suspend(user=carol, by=admin, now=timezone.now()).status == "suspended"
