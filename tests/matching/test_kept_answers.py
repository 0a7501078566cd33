"""Answers kept for five minutes: given again as they were, and never after something changed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override

from accounts.cache import ForgivingRedisCache
from accounts.models import User
from matching import embeddings, services
from matching.embeddings import EmbeddingUnavailable
from matching.models import MatchImpression, MatchRequest
from matching.services import records
from mentors.models import Mentee, Mentor
from sessions_app.models import AvailabilityWindow, Session
from tests.matching.asking import ask, is_kept, names, said, sql
from tests.matching.worlds import ROUND, market
from tests.people import alice, api, browser, carol, mallory

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_same_question_gets_the_same_answer_in_two_queries():
    market()
    mentee = alice()
    first = ask(mentee)
    person = User.objects.get(pk=mentee.pk)
    with CaptureQueriesContext(connection) as queries:
        again = services.match(
            query=ROUND, user=person, filters=services.Filters(), limit=5, now=timezone.now()
        )
        assert said(again) == said(first)
    assert len(queries) == 2
    assert (is_kept(first), is_kept(again)) == (False, True)


def test_an_answer_takes_at_most_eight_queries():
    market()
    person = User.objects.get(pk=alice().pk)
    services.understand(ROUND)  # which model answers is asked once in a while
    with CaptureQueriesContext(connection) as queries:
        services.match(
            query=ROUND, user=person, filters=services.Filters(), limit=5, now=timezone.now()
        )
    spoken = [query["sql"] for query in queries if query["sql"] not in ("BEGIN", "COMMIT")]
    assert len(spoken) <= 8, spoken


def test_a_kept_answer_is_a_request_of_its_own_with_all_it_showed():
    market()
    mentee = alice()
    first, again = ask(mentee, industries=("SaaS",)), ask(mentee, industries=("SaaS",))
    assert first.request_id != again.request_id
    rows = [MatchRequest.objects.get(pk=answer.request_id) for answer in (first, again)]
    for attribute in records.AS_ASKED:
        assert getattr(rows[0], attribute) == getattr(rows[1], attribute)
    assert rows[1].created_at > rows[0].created_at
    shown = [
        list(row.impressions.order_by("position").values_list(*records.AS_SHOWN)) for row in rows
    ]
    assert shown[0] == shown[1]
    assert len(shown[0]) == len(first.matches) > 0


def test_what_a_repeated_request_is_stored_with_is_decided_for_every_column():
    """A new column is either the same again, or made anew: here is where that is decided."""
    anew = {"id", "took_ms", "created_at", "from_cache"}
    columns = {field.attname for field in MatchRequest._meta.concrete_fields}
    assert columns == anew | set(records.AS_ASKED)
    columns = {field.attname for field in MatchImpression._meta.concrete_fields}
    assert columns == {"id", "request_id", "clicked_at"} | set(records.AS_SHOWN)


def test_the_request_of_a_kept_answer_can_be_booked_with():
    market()
    mentee = alice()
    client = api(mentee)
    for _time in range(2):
        answer = client.post("/api/match", {"query": ROUND}, format="json").json()
    assert MatchRequest.objects.get(pk=answer["request_id"]).from_cache
    match = answer["matches"][0]
    booked = client.post(
        "/api/sessions",
        {
            "mentor": match["mentor"]["id"],
            "starts_at": match["slots"][0]["starts_at"],
            "match_request": answer["request_id"],
        },
        format="json",
    )
    assert booked.status_code == 201
    assert str(Session.objects.get().match_request) == answer["request_id"]


def test_the_page_shows_a_kept_answer_as_it_was():
    market()
    client = browser(alice())
    pages = [client.get("/search/", {"q": ROUND, "free_this_week": "on"}) for _time in range(2)]
    requests = [page.context["answer"].request_id for page in pages]
    assert [MatchRequest.objects.get(pk=pk).from_cache for pk in requests] == [False, True]
    bodies = [
        page.content.decode().replace(str(request), "REQUEST")
        for page, request in zip(pages, requests, strict=True)
    ]
    without_tokens = [
        "\n".join(line for line in body.splitlines() if "csrf" not in line.lower())
        for body in bodies
    ]
    assert without_tokens[0] == without_tokens[1]


def test_another_question_filter_or_limit_is_another_answer():
    market()
    mentee = alice()
    ask(mentee)
    for other in (
        {"query": ROUND + " soon"},
        {"query": ROUND.upper()},
        {"limit": 4},
        {"industries": ("SaaS",)},
        {"languages": ("German",)},
    ):
        assert not is_kept(ask(mentee, **other)), other
        assert is_kept(ask(mentee))


def test_a_wished_for_time_that_has_begun_begins_now():
    market()
    mentee, now = alice(), timezone.now()
    for end in ({"available_to": now + timedelta(days=7)}, {}):
        for minutes in (0, 1):
            at = now + timedelta(minutes=minutes)
            answer = ask(mentee, now=at, available_from=at, **end)
        assert is_kept(answer)
    assert not is_kept(ask(mentee, now=now))


def test_nobody_gets_the_answer_of_another():
    market()
    ask(alice())
    assert not is_kept(ask(mallory()))
    assert not is_kept(ask(carol()))


OWN = {
    "zone": lambda user: User.objects.filter(pk=user.pk).update(time_zone="Asia/Tokyo"),
    "language": lambda user: User.objects.filter(pk=user.pk).update(language="es"),
    "role": lambda user: User.objects.filter(pk=user.pk).update(role="pm"),
    "stage": lambda user: Mentee.objects.filter(user=user).update(stage="Growth"),
    "industry": lambda user: sql(
        "UPDATE mentors_mentee SET industry = 'Food' WHERE user_id = %s", user.pk
    ),
}


def test_what_the_askers_own_profile_says_is_part_of_the_question():
    market()
    mentee = alice()
    for what, change in OWN.items():
        ask(mentee)
        change(mentee)
        assert not is_kept(ask(mentee)), what


def test_the_language_of_the_page_is_part_of_the_question():
    market()
    mentee = alice()
    ask(mentee)
    with override("es"):
        assert not is_kept(ask(mentee))


def test_in_a_transaction_nothing_is_kept_and_nothing_kept_is_given():
    people = market()
    mentee = alice()
    ask(mentee)
    with transaction.atomic():
        Mentor.objects.filter(pk=people["ada"].pk).update(is_active=False)
        assert "Ada Investor" not in names(ask(mentee))
        assert not is_kept(ask(mentee))
        transaction.set_rollback(True)
    assert names(ask(mentee))[0] == "Ada Investor"


def test_an_answer_lasts_five_minutes():
    market()
    mentee, now = alice(), timezone.now()
    # Not near midnight, at which "today" would end the answer sooner.
    if not 0 < now.hour < 23:
        now = now.replace(hour=12)
    ask(mentee, now=now)
    assert is_kept(ask(mentee, now=now + timedelta(minutes=4)))
    assert not is_kept(ask(mentee, now=now + timedelta(minutes=5, seconds=1)))


def test_a_start_that_must_be_booked_by_now_ends_the_answer():
    people = market()
    mentee = alice()
    start = AvailabilityWindow.objects.get(mentor=people["ada"]).starts_at
    last_call = start - timedelta(minutes=people["ada"].minimum_notice_minutes)
    before = ask(mentee, now=last_call - timedelta(minutes=2))
    assert is_kept(ask(mentee, now=last_call - timedelta(minutes=1)))
    after = ask(mentee, now=last_call + timedelta(seconds=30))
    assert not is_kept(after)
    first = {str(match.mentor.user): match.slots[0] for match in before.matches}
    later = {str(match.mentor.user): match.slots[0] for match in after.matches}
    assert first["Ada Investor"].starts_at == start < later["Ada Investor"].starts_at


def test_midnight_of_the_viewer_ends_the_answer():
    market()
    mentee = alice(time_zone="Asia/Kolkata")
    midnight = (
        timezone.now().astimezone(mentee.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    )
    ask(mentee, now=midnight - timedelta(minutes=2))
    assert is_kept(ask(mentee, now=midnight - timedelta(minutes=1)))
    assert not is_kept(ask(mentee, now=midnight + timedelta(minutes=1)))


def test_what_was_found_without_the_model_is_not_kept(monkeypatch):
    market()
    mentee = alice()

    def down(text, embedder):
        raise EmbeddingUnavailable("The model is away.", retry_after=5)

    with monkeypatch.context() as patched:
        patched.setattr(embeddings, "query_vector", down)
        ask(mentee)
    again = ask(mentee)
    assert not is_kept(again)
    assert MatchRequest.objects.get(pk=again.request_id).model_id == "hashing:v1"


def test_a_request_that_is_gone_is_asked_afresh():
    market()
    mentee = alice()
    MatchRequest.objects.filter(pk=ask(mentee).request_id).delete()
    again = ask(mentee)
    assert not is_kept(again)
    assert MatchImpression.objects.filter(request=again.request_id).count() == len(again.matches)


def test_no_secret_is_kept():
    market()
    mentee = alice()
    ask(mentee)
    mentor = ask(mentee).matches[0].mentor
    assert not {"password", "sign_in_epoch"} & set(mentor.user.__dict__)
    assert "bio" not in mentor.__dict__
    assert mentor.bio  # read when asked for


def test_without_redis_everything_is_answered_afresh(settings, monkeypatch):
    # That it is away is noted for some seconds, and not to be heard of by the next test.
    monkeypatch.setattr(ForgivingRedisCache, "_away_until", float("-inf"))
    market()
    mentee = alice()
    settings.CACHES = {
        "default": {
            "BACKEND": "accounts.cache.ForgivingRedisCache",
            "LOCATION": "unix:///nowhere/redis.sock",
        }
    }
    answers = [ask(mentee) for _time in range(2)]
    assert said(answers[0]) == said(answers[1])
    assert not any(map(is_kept, answers))
