from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import idempotency, services, tasks
from accounts.models import ApiToken, IdempotencyRecord
from accounts.refusals import Invalid, NotAllowed
from tests import people
from tests.accounts import idempotent_urls
from tests.accounts.idempotent_urls import made

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.accounts.idempotent_urls")]


@pytest.fixture
def alice():
    return people.api(people.alice())


def post(client, key, body=None, path="/api/mixed"):
    return client.post(path, body or {}, format="json", headers={"Idempotency-Key": key})


@pytest.mark.parametrize("path", ["/api/mixed", "/api/decorated/x"])
def test_a_repeat_gets_the_same_bytes_and_does_nothing(alice, path):
    first = post(alice, "k1", {"a": 1}, path)
    again = post(alice, "k1", {"a": 1}, path)
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert first["Content-Type"] == again["Content-Type"] == "application/json"
    assert made() == 1


def test_without_the_header_every_post_counts(alice):
    bodies = {alice.post("/api/mixed", {}, format="json").content for _ in range(2)}
    assert len(bodies) == 2
    assert made() == 2


def test_the_same_key_for_another_body_is_refused(alice):
    post(alice, "k1", {"a": 1})
    response = post(alice, "k1", {"a": 2})
    assert response.status_code == 422
    assert response.json()["code"] == "idempotency_key_reused"
    assert made() == 1


def test_a_key_belongs_to_one_person_and_one_path(alice):
    mallory = people.api(people.mallory())
    own = ApiToken.objects.count()
    bodies = {
        post(alice, "k1").content,
        post(mallory, "k1").content,
        post(alice, "k1", path="/api/other").content,
    }
    assert len(bodies) == 3
    assert ApiToken.objects.count() == own + 3


@pytest.mark.parametrize(("wish", "status"), [("refuse", 403), ("answer 409", 409)])
def test_a_refusal_is_not_kept_and_leaves_nothing(alice, wish, status):
    assert post(alice, "k1", {"do": wish}).status_code == status
    assert made() == 0
    assert not IdempotencyRecord.objects.exists()
    assert post(alice, "k1", {"do": "now it may"}).status_code == 201


@pytest.mark.parametrize("key", ["", "k" * 256, "k\0"])
def test_a_key_of_the_wrong_length_is_refused(alice, key):
    response = post(alice, key)
    assert response.status_code == 400
    assert response.json()["code"] == "invalid"
    assert list(response.json()["fields"]) == ["Idempotency-Key"]
    assert made() == 0


def test_the_longest_key_is_taken(alice):
    assert post(alice, "k" * 255).content == post(alice, "k" * 255).content


def test_nobody_gets_an_answer_without_signing_in(alice):
    post(alice, "k1")
    assert post(people.api(), "k1").status_code == 401


def test_after_a_day_the_key_is_free_again(alice):
    first = post(alice, "k1")
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        assert post(alice, "k1").content != first.content
        assert IdempotencyRecord.objects.count() == 1
    with time_machine.travel(timezone.now() + timedelta(hours=23)):
        tasks.forget_old_keys()
        assert IdempotencyRecord.objects.count() == 1
    with time_machine.travel(timezone.now() + timedelta(hours=50)):
        tasks.forget_old_keys()
    assert not IdempotencyRecord.objects.exists()


def test_a_page_keeps_its_redirect():
    user, calls = people.alice(), []

    def work():
        calls.append(1)
        return 303, b"/sessions/1"

    spot = {"user": user, "path": "/book/" + "x" * 300, "body": b"goal=1", "work": work}
    assert idempotency.once(key="k", **spot) == idempotency.once(key="k", **spot)
    assert calls == [1]
    with pytest.raises(Invalid):
        idempotency.once(key="", **spot)


# -- The race ----------------------------------------------------------------------------------
def volley(user, path, twins=8):
    token, _row = services.issue_token(user=user, now=timezone.now())
    barrier = Barrier(twins)

    def shoot(_):
        client = APIClient(headers={"Authorization": f"Bearer {token}"})
        barrier.wait(timeout=20)
        try:
            return post(client, "k1", {"do": "slow"}, path)
        finally:
            connection.close()  # each thread has its own

    with ThreadPoolExecutor(twins) as pool:
        return list(pool.map(shoot, range(twins)))


@pytest.mark.django_db(transaction=True)
class TestTwins:
    def test_without_the_guard_every_twin_has_its_effect(self):
        answers = volley(people.alice(), "/api/guardless")
        assert made() == 8
        assert len({answer.content for answer in answers}) == 8

    @pytest.mark.parametrize("path", ["/api/mixed", "/api/decorated/x"])
    def test_with_it_eight_twins_have_one_effect_and_one_answer(self, path):
        answers = volley(people.alice(), path)
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert made() == 1

    def test_the_twin_of_a_refused_one_does_the_work_itself(self, monkeypatch):
        """The first to arrive fails after the others wait on it: exactly one of them succeeds it."""
        work, calls = idempotent_urls.work, []

        def fail_first(request):
            calls.append(1)
            response = work(request)
            if len(calls) == 1:
                raise NotAllowed("Not the first.")
            return response

        monkeypatch.setattr(idempotent_urls, "work", fail_first)
        answers = volley(people.alice(), "/api/mixed")
        assert sorted(answer.status_code for answer in answers) == [201] * 7 + [403]
        assert made() == 1
        assert len(calls) == 2
