from __future__ import annotations

import logging

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts.models import User
from matching import embeddings, selectors, services, tasks
from matching.embeddings import EmbeddingUnavailable
from matching.embeddings.hashing import HashingBackend
from matching.models import MentorEmbedding, MentorIndex, WordCount, WordIndex
from mentors.models import Expertise, Mentor
from tests.matching.worlds import PROFILES, mentor

pytestmark = [
    pytest.mark.django_db,
    # Celery 5.7 wants queues in task_routes from 6.0 on, and says so of every task that has one.
    pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning"),
]
MODEL = "hashing:v1"


class Recorder(HashingBackend):
    """Notes what it is asked to embed."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed_documents(self, texts):
        self.texts += texts
        return super().embed_documents(texts)


class Dead(HashingBackend):
    def embed_documents(self, texts):
        raise EmbeddingUnavailable("The provider is down.", retry_after=30)


def embed(**more):
    return services.embed_stale(limit=100, now=timezone.now(), **more)


def stale():
    return [row.mentor_id for row in selectors.stale_mentors(MODEL, 100)]


def test_a_new_profile_is_indexed_once():
    made = mentor(**PROFILES[0])
    assert stale() == [made.pk]
    report = embed()
    assert (report.words, report.mentors) == (1, 1)
    assert stale() == []
    assert embed().is_finished
    rows = MentorEmbedding.objects.filter(mentor=made).order_by("chunk_no")
    assert [row.chunk_no for row in rows] == list(range(len(rows)))
    assert np.linalg.norm(rows[0].vector) == pytest.approx(1, abs=1e-5)
    assert (
        "Expertise: Fundraising, First institutional round, Investor introductions." in rows[0].text
    )


def change_by_update(made):
    Mentor.objects.filter(pk=made.pk).update(bio="Something else entirely.")


def change_by_bulk_update(made):
    made.industries = ["Food"]
    Mentor.objects.bulk_update([made], ["industries"])


def change_by_sql(made):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE mentors_mentor SET headline = 'New' WHERE id = %s", [made.pk])


def change_expertise(made):
    Expertise.objects.filter(mentor=made).update(sub_area="Angel investors")


def drop_expertise(made):
    Expertise.objects.filter(mentor=made).first().delete()


def swap_company_and_title(made):
    Mentor.objects.filter(pk=made.pk).update(company=made.title, title=made.company)


@pytest.mark.parametrize(
    "change",
    [
        change_by_update, change_by_bulk_update, change_by_sql, change_expertise, drop_expertise,
        swap_company_and_title,
    ],
)  # fmt: skip
def test_every_way_of_changing_a_profile_is_found(change):
    profile = {**PROFILES[0], "areas": PROFILES[0]["areas"][:1]}
    made = mentor(**profile, company="Oak", title="Partner")
    embed()
    change(made)
    assert stale() == [made.pk]
    assert embed().mentors == 1
    assert stale() == []


def test_what_is_not_embedded_does_not_make_stale_but_words_follow():
    made = mentor(**PROFILES[0])
    embed()
    Mentor.objects.filter(pk=made.pk).update(weekly_load_cap=1, is_active=False)
    assert stale() == []
    User.objects.filter(pk=made.user_id).update(name="Zacharias")
    assert stale() == []
    assert embed().words == 1
    assert WordCount.objects.filter(mentor=made, word="zacharia").exists()
    assert not WordCount.objects.filter(mentor=made, word="ada").exists()


def test_only_changed_texts_are_embedded_again():
    made = mentor(**PROFILES[0])
    embed()
    Mentor.objects.filter(pk=made.pk).update(headline="Another headline")
    recorder = Recorder()
    # The whole and the summary; the bio's own vector stays.
    assert embed(embedder=recorder).texts == 2
    assert len(recorder.texts) == 2
    assert all(text.startswith("Another headline") for text in recorder.texts)
    assert MentorEmbedding.objects.filter(mentor=made).count() == 3


def test_a_chunk_longer_than_a_window_is_the_mean_of_its_windows():
    first, second = (" ".join([word] * 150) + "." for word in ("pricing", "hiring"))
    made = mentor(headline="", bio=f"{first}\n\n{second}")
    embed()
    whole, *parts = (
        np.asarray(row.vector) for row in made.embeddings.order_by("chunk_no", "model_id")
    )
    weights = [len(first), len(second)]
    mean = np.average(parts, axis=0, weights=weights)
    assert np.allclose(whole, mean / np.linalg.norm(mean), atol=1e-6)


def test_a_profile_that_became_blank_loses_its_vectors_and_is_not_stale():
    made = mentor(name="", headline="x y", bio="some words")
    embed()
    Mentor.objects.filter(pk=made.pk).update(headline="", bio="")
    embed()
    assert not MentorEmbedding.objects.filter(mentor=made).exists()
    assert stale() == []
    assert WordIndex.objects.get(mentor=made).length == 0


def test_active_mentors_come_first():
    idle = mentor(is_active=False)
    active = mentor()
    assert [row.mentor_id for row in selectors.stale_mentors(MODEL, 1)] == [active.pk]
    assert set(stale()) == {idle.pk, active.pk}


def test_a_dead_provider_leaves_the_old_vectors_and_one_line_in_the_log(caplog):
    made = mentor(**PROFILES[0])
    embed()
    before = list(MentorEmbedding.objects.values_list("text_hash", flat=True))
    Mentor.objects.filter(pk=made.pk).update(bio="Now about gardening and roses.")
    with caplog.at_level(logging.WARNING):
        reports = [embed(embedder=Dead()) for _ in range(3)]
    assert all(report.is_finished and report.problem for report in reports)
    assert list(MentorEmbedding.objects.values_list("text_hash", flat=True)) == before
    assert caplog.text.count("The provider is down.") == 1
    # Words need no provider: they are up to date already.
    assert WordCount.objects.filter(mentor=made, word="garden").exists()
    assert embed().mentors == 1


def test_a_profile_that_changes_while_it_is_embedded_is_found_again():
    made = mentor(**PROFILES[0])

    class Slow(HashingBackend):
        def embed_documents(self, texts):
            Mentor.objects.filter(pk=made.pk).update(bio="Changed meanwhile.")
            return super().embed_documents(texts)

    embed(embedder=Slow())
    assert stale() == [made.pk]


@pytest.mark.django_db(transaction=True)
def test_texts_are_embedded_with_no_transaction_open():
    seen = []

    class Watcher(HashingBackend):
        def embed_documents(self, texts):
            seen.append(connection.in_atomic_block)
            return super().embed_documents(texts)

    mentor(**PROFILES[0])
    embed(embedder=Watcher())
    assert seen == [False]


def test_vectors_of_several_models_stand_side_by_side():
    made = mentor(**PROFILES[0])
    embed()

    class Other(HashingBackend):
        model_id = "other:v1"

    embed(embedder=Other())
    models = set(MentorIndex.objects.filter(mentor=made).values_list("model_id", flat=True))
    assert models == {MODEL, "other:v1"}
    assert MentorEmbedding.objects.filter(mentor=made, model_id=MODEL).exists()


def test_the_task_goes_on_until_nothing_is_left(monkeypatch):
    monkeypatch.setattr(tasks, "ROUND", 2)
    for profile in PROFILES:
        mentor(**profile)
    tasks.embed_stale(unknown="ignored")
    assert stale() == []


def test_the_task_gives_up_quietly_when_there_is_no_provider(settings):
    settings.EMBEDDING_BACKEND = "openai"
    settings.OPENAI_API_KEY = ""
    mentor(**PROFILES[0])
    tasks.embed_stale()
    assert not MentorEmbedding.objects.exists()


def test_a_mentor_who_is_gone_meanwhile_is_passed_over(monkeypatch):
    made = mentor(hours=False, **PROFILES[0])
    kept = selectors.stale_mentors(MODEL, 10)
    user = made.user
    made.delete()
    user.delete()
    monkeypatch.setattr(selectors, "stale_mentors", lambda *_: kept)
    assert embed().mentors == 1
    assert not MentorIndex.objects.exists()


def test_an_enormous_profile_does_not_stop_the_others():
    mentor(bio=" ".join(f"word{number}" for number in range(300_000)))
    mentor(**PROFILES[0])
    assert embed().words == 2


def test_the_command(capsys, monkeypatch):
    for profile in PROFILES:
        mentor(**profile)
    call_command("embed_stale")
    assert "Indexed 5 profiles by words and 5 by meaning" in capsys.readouterr().out
    call_command("embed_stale", all=True)
    assert "5 by meaning (0 texts embedded)" in capsys.readouterr().out
    MentorEmbedding.objects.all().delete()
    MentorIndex.objects.all().delete()
    monkeypatch.setattr(embeddings, "backend", Dead)
    with pytest.raises(CommandError, match="The provider is down"):
        call_command("embed_stale")
