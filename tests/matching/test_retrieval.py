from __future__ import annotations

import uuid
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from matching import services
from matching.checks import doubt_about
from matching.embeddings.hashing import HashingBackend
from matching.models import MentorEmbedding, WordCount, WordFrequency
from matching.selectors import Eligible, retrieve
from matching.selectors.retrieval import DEPTH
from matching.services import serving
from matching.vector_index import VectorIndex
from mentors.models import Block, Mentor
from sessions_app.models import MentorOpening
from tests.matching.worlds import PROFILES, index, market, mentor
from tests.people import alice

pytestmark = pytest.mark.django_db
MODEL, DIMENSIONS, CROWD = "crowd:v1", 32, 4_500
INDEX = VectorIndex(MODEL, DIMENSIONS)
# By name: all of them would include those that every database of the server shares.
ANALYZE = (
    "ANALYZE accounts_user, mentors_mentor, mentors_expertise, sessions_app_mentoropening,"
    " matching_mentorembedding, matching_wordcount, matching_wordindex, matching_wordfrequency"
)


def pk(number: int) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_OID, str(number))


def crowd() -> np.ndarray:
    """4,500 mentors with two vectors each, indexed; the vectors, shape (4500, 2, 32).

    Two of three speak German, seven of twelve Czech, every hundredth Welsh. Every fifth has no times: so German
    and times are of more than half, Czech and times are not.
    """
    chance = np.random.default_rng(7)
    centres = chance.standard_normal((60, DIMENSIONS))
    vectors = centres[chance.integers(60, size=(CROWD, 2))]
    vectors = vectors + 0.8 * chance.standard_normal(vectors.shape)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    now = timezone.now()
    users = [
        User(id=pk(-n - 1), email=f"crowd{n}@example.com", name=f"Crowd {n}", role="mentor")
        for n in range(CROWD)
    ]
    mentors = [
        Mentor(
            id=pk(n), user=user, headline=f"number{n}", consent_at=now, bio="pricing and sales",
            languages=["German"] * (n % 3 > 0) + ["Czech"] * (n % 12 < 7) + ["Welsh"] * (n % 100 == 7),
        )
        for n, user in enumerate(users)
    ]  # fmt: skip
    openings = [
        MentorOpening(mentor_id=pk(n), next_start=now + timedelta(days=2) if n % 5 else None)
        for n in range(CROWD)
    ]
    chunks = [
        MentorEmbedding(
            mentor_id=pk(n), model_id=MODEL, chunk_no=c, text=f"chunk {c}", text_hash="-",
            vector=vectors[n, c],
        )
        for n in range(CROWD) for c in range(2)
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        User.objects.bulk_create(users, batch_size=2_000)
        Mentor.objects.bulk_create(mentors, batch_size=2_000)
        MentorOpening.objects.bulk_create(openings, batch_size=2_000)
        MentorEmbedding.objects.bulk_create(chunks, batch_size=2_000)
        cursor.execute("SET LOCAL session_replication_role = origin")
        # Otherwise the planner takes all of these tables for empty.
        cursor.execute(ANALYZE)
        assert services.index_words(limit=CROWD) == CROWD
        cursor.execute(f"CREATE INDEX {INDEX.definition}")
        cursor.execute(ANALYZE)
    return vectors


def find(vector, *, user, text="nothing of the kind", model=MODEL, **filters):
    now = timezone.now()
    eligible = services.eligible_for(user, services.Filters(**filters), now)
    return retrieve(
        eligible=Eligible(eligible), text=text, vector=vector, model_id=model, now=now
    )  # fmt: skip


def test_among_many_the_nearest_are_found_by_the_index_and_filters_hold():
    vectors = crowd()
    asker = alice()
    blocked = Block.objects.create(mentor_id=pk(1), mentee=asker.mentee, kind="personal")
    chance = np.random.default_rng(1)
    for language, speaks in (
        ("", lambda n: True),
        ("German", lambda n: n % 3 > 0),
        ("Czech", lambda n: n % 12 < 7),
        ("Welsh", lambda n: n % 100 == 7),
    ):
        languages = (language,) if language else ()
        recalls = []
        for _question in range(8):
            question = vectors[chance.integers(CROWD), 0] + 0.1 * chance.standard_normal(DIMENSIONS)
            question = (question / np.linalg.norm(question)).astype(np.float32)
            with CaptureQueriesContext(connection) as queries:
                found = find(question, user=asker, languages=languages)
            assert len(queries) == 2
            ids = {candidate.mentor_id for candidate in found}
            allowed = [n for n in range(CROWD) if speaks(n) and n % 5 and n != 1]
            best = sorted(allowed, key=lambda n: -float((vectors[n] @ question).max()))[:50]
            recalls.append(len(ids & {pk(n) for n in best}) / len(best))
            assert blocked.mentor_id not in ids
            assert ids <= {pk(n) for n in range(CROWD) if speaks(n)}
            for candidate in found[:20]:
                assert len(candidate.cosines) == 2
        assert np.mean(recalls) >= (1 if language == "Welsh" else 0.95), language
    question = vectors[0, 0].astype(np.float32)
    assert _uses_index(question, asker, ())
    assert not _uses_index(question, asker, ("Welsh",))
    # Who is asked for by name is found among all of them, times or not.
    named = find(question, user=asker, text="number4000")
    assert max(named, key=lambda candidate: candidate.bm25).mentor_id == pk(4000)
    # By words alone, too.
    assert pk(4000) in {c.mentor_id for c in find(None, user=asker, text="number4000")}
    # Where many pass and few of them have room, these few are compared, and the others fill up.
    roomy = {pk(n) for n in range(51, CROWD, 50)}
    rest = MentorOpening.objects.exclude(mentor_id__in=roomy)
    before = dict(rest.values_list("mentor_id", "next_start"))
    rest.update(next_start=None)
    found = find(question, user=asker)
    with_room = {candidate.mentor_id for candidate in found if candidate.is_bookable}
    best = sorted(roomy, key=lambda key: -_closest(vectors, question)[key])[:DEPTH]
    assert with_room == set(best)
    nearest = max(found, key=lambda candidate: candidate.cosines[0])
    assert nearest.mentor_id == max(
        _closest(vectors, question), key=_closest(vectors, question).get
    )
    assert not nearest.is_bookable
    assert _uses_index(question, asker, ())
    openings = MentorOpening.objects.in_bulk(before)
    for key, opening in openings.items():
        opening.next_start = before[key]
    MentorOpening.objects.bulk_update(openings.values(), ["next_start"], batch_size=2_000)
    # Without the index, everyone is compared.
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {INDEX.name}")
    nearest = max(find(question, user=asker), key=lambda candidate: candidate.cosines or ())
    assert nearest.cosines[0] == pytest.approx(
        max(float((vectors[n] @ question).max()) for n in range(CROWD) if n % 5 and n != 1),
        abs=1e-5,
    )


def _closest(vectors, question):
    """The best cosine of everyone but the one who is blocked."""
    cosines = (vectors @ question).max(axis=1)
    return {pk(n): float(cosines[n]) for n in range(CROWD) if n != 1}


def _uses_index(question, asker, languages):
    """Whether a search walks through the index: by what Postgres counts as it does, not by a plan."""

    def walks():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_get_xact_numscans(to_regclass(%s))", [INDEX.name])
            return cursor.fetchone()[0]

    before = walks()
    find(question, user=asker, languages=languages)
    return walks() > before


@pytest.mark.django_db(transaction=True)
def test_the_index_is_built_once_beside_everyone_elses_work_and_says_so():
    for profile in PROFILES:
        mentor(**profile)
    index()
    said: list[str] = []
    backend = HashingBackend()
    assert services.have_vector_index(backend, say=said.append)
    assert len(said) == 2
    assert "compares all of them meanwhile" in said[0]
    assert services.have_vector_index(backend, say=said.append)
    assert len(said) == 2
    name = VectorIndex(backend.model_id, backend.dimensions).name
    with connection.cursor() as cursor:
        # As a build leaves it that was broken off.
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(%s)", [name]
        )
        # What searches used before, with another graph; and an index of another model.
        for other, model_id in (
            ("nearest_before", backend.model_id),
            ("nearest_other", "other:v1"),
        ):
            cursor.execute(
                f"CREATE INDEX {other} ON matching_mentorembedding USING hnsw"
                f" ((vector::vector({backend.dimensions})) vector_cosine_ops) WHERE model_id = '{model_id}'"
            )
        assert services.have_vector_index(backend, say=said.append)
        assert len(said) == 4
        cursor.execute("SELECT to_regclass('nearest_before'), to_regclass('nearest_other')")
        assert cursor.fetchone() == (None, "nearest_other")
        cursor.execute("DROP INDEX nearest_other")
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name])
        assert cursor.fetchone() == (True,)
        cursor.execute(f"DROP INDEX {name}")


def test_inside_a_transaction_nothing_is_built():
    assert not services.have_vector_index(HashingBackend())


def test_frequencies_follow_the_words():
    def as_counted():
        counts: dict[str, tuple[int, int]] = {}
        for word, count in WordCount.objects.values_list("word", "count"):
            mentors, uses = counts.get(word, (0, 0))
            counts[word] = (mentors + 1, uses + count)
        return counts

    def as_kept():
        rows = WordFrequency.objects.exclude(word="").filter(mentors__gt=0)
        return {row.word: (row.mentors, row.uses) for row in rows}

    people = market()
    assert as_kept() == as_counted()
    Mentor.objects.filter(pk=people["ada"].pk).update(bio="Roses, and roses again.")
    index()
    assert as_kept() == as_counted()
    assert as_kept()["rose"] == (1, 2)
    everyone = WordFrequency.objects.get(word="")
    assert everyone.mentors == len(PROFILES)
    assert everyone.uses == sum(uses for _mentors, uses in as_counted().values())
    services.count_frequencies()
    assert as_kept() == as_counted()


def test_an_index_has_a_name_that_postgres_keeps_whole_and_halves_its_numbers_when_asked():
    long = VectorIndex("provider:" + "very-long-name-" * 6, 3_072, "halfvec")
    assert len(long.name) <= 63
    assert long.is_possible
    assert not VectorIndex("provider:model", 3_072).is_possible
    assert (
        long.name != VectorIndex("provider:" + "very-long-name-" * 6 + "2", 3_072, "halfvec").name
    )
    assert "::halfvec(3072)" in long.definition


@pytest.mark.parametrize(
    ("version", "is_fine"),
    [("0.8.3", False), ("0.8.4", True), ("0.8.10", True), ("0.9", True), ("1.0.0", True), ("0.8", False)],
)  # fmt: skip
def test_an_old_pgvector_is_warned_about(version, is_fine):
    assert (doubt_about(version) is None) == is_fine


def test_until_a_new_model_has_its_vectors_the_one_before_answers(settings, caplog):
    market()
    settings.EMBEDDING_BACKEND = "minilm"
    caplog.set_level("INFO")
    before = services.understand("raising our first round")
    assert before.model_id == HashingBackend.model_id
    assert "hashing:v1 answers while minilm:all-MiniLM-L6-v2 has 0 of 5 mentors." in caplog.text
    index()
    serving._watch.looked = -serving.PATIENCE  # as if the time had passed
    assert services.understand("raising our first round").model_id == "minilm:all-MiniLM-L6-v2"


@pytest.fixture(autouse=True)
def _no_memory_of_other_tests(monkeypatch):
    monkeypatch.setattr(serving, "_watch", serving._Watch())
