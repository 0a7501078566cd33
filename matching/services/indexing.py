"""Keeping words and vectors of the profiles fresh. Called again and again by a worker."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from matching import embeddings, selectors
from matching.embeddings import EmbeddingBackend, EmbeddingUnavailable
from matching.embeddings.base import unit_rows
from matching.models import MentorEmbedding, MentorIndex
from matching.profile_text import chunks, source_hash, windows
from matching.selectors.by_words import FOLDED
from matching.selectors.staleness import EXPERTISE, WORDS_HASH
from matching.services import spending
from mentors.models import Mentor

logger = logging.getLogger(__name__)

# Advisory locks share one number space per database; these are ours.
_INDEXER_LOCK: Final = 0x0FF1_CE01
_WORDS_LOCK: Final = 0x0FF1_CE02

# Profiles are cut off where no reader gets to: to_tsvector refuses more than a megabyte, and one
# such profile would stop the indexing of all.
_LONGEST_PROFILE: Final = 50_000

_COUNT_WORDS: Final = f"""
    WITH profile AS MATERIALIZED (
        SELECT m.id, {WORDS_HASH} AS hash, left(concat_ws(' ', u.name, m.headline, m.title,
            m.company, expertise.words, array_to_string(m.industries, ' '),
            array_to_string(m.stages, ' '), array_to_string(m.languages, ' '), m.bio),
            {_LONGEST_PROFILE}) AS text
        FROM mentors_mentor m
        JOIN accounts_user u ON u.id = m.user_id
        {EXPERTISE}
        WHERE m.id = ANY(%s)
    ), word AS MATERIALIZED (
        SELECT profile.id, w.lexeme, cardinality(w.positions) AS count
        FROM profile, unnest(to_tsvector('english', {FOLDED.format("profile.text")})) AS w
    ), counted AS (
        INSERT INTO matching_wordcount (mentor_id, word, count) SELECT id, lexeme, count FROM word
    ), more AS (
        INSERT INTO matching_wordfrequency AS known (word, mentors, uses)
        SELECT lexeme, count(*), sum(count) FROM word GROUP BY lexeme
        UNION ALL
        SELECT '', (SELECT count(*) FROM profile), coalesce(sum(count), 0) FROM word
        ON CONFLICT (word) DO UPDATE SET mentors = known.mentors + excluded.mentors,
            uses = known.uses + excluded.uses
    )
    INSERT INTO matching_wordindex (mentor_id, source_hash, length)
    SELECT profile.id, profile.hash, coalesce(sum(word.count), 0)
    FROM profile LEFT JOIN word ON word.id = profile.id
    GROUP BY profile.id, profile.hash
    ON CONFLICT (mentor_id) DO UPDATE
        SET source_hash = excluded.source_hash, length = excluded.length
"""  # noqa: S608 - made of constants

# Not below nothing: a mentor who was deleted took their words along without a word to us.
_FORGET_WORDS: Final = """
    WITH gone AS (
        DELETE FROM matching_wordcount WHERE mentor_id = ANY(%s) RETURNING word, count
    ), profile AS (
        DELETE FROM matching_wordindex WHERE mentor_id = ANY(%s) RETURNING length
    ), fewer AS (
        SELECT word, count(*) AS mentors, sum(count) AS uses FROM gone GROUP BY word
        UNION ALL
        SELECT '', count(*), coalesce(sum(length), 0) FROM profile
    )
    UPDATE matching_wordfrequency known
    SET mentors = greatest(known.mentors - fewer.mentors, 0), uses = greatest(known.uses - fewer.uses, 0)
    FROM fewer WHERE known.word = fewer.word
"""

_COUNT_FREQUENCIES: Final = """
    INSERT INTO matching_wordfrequency (word, mentors, uses)
    SELECT word, count(*), sum(count) FROM matching_wordcount GROUP BY word
    UNION ALL
    SELECT '', count(*), coalesce(sum(length), 0) FROM matching_wordindex HAVING count(*) > 0
"""


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """What one round did.

    `problem` is a sentence when no vectors could be made; then nothing was replaced, and the old
    vectors stay in use.
    """

    words: int
    mentors: int
    texts: int
    problem: str = ""

    @property
    def is_finished(self) -> bool:
        """Nothing was stale any more, or trying again at once will not help."""
        return bool(self.problem) or not (self.words or self.mentors)


class _Complaint:
    """Says a sentence once and then keeps quiet until it changes or the trouble is over.

    The worker comes by every few seconds: a provider that is down for a night is one line.
    """

    def __init__(self) -> None:
        self._said = ""

    def say(self, sentence: str) -> None:
        if sentence and sentence != self._said:
            logger.warning("Profiles keep their old vectors for now. %s", sentence)
        self._said = sentence


_complaint = _Complaint()


def embed_stale(
    *, limit: int, now: datetime, embedder: EmbeddingBackend | None = None
) -> EmbedReport:
    """Index up to `limit` profiles that changed: first their words, then their vectors.

    Texts are embedded with no transaction open. A profile that changes meanwhile keeps another
    hash than the one stored with its vectors, and so is found again by the next round.

    Args:
        embedder: instead of the configured one.
    """
    words = index_words(limit=limit)
    try:
        return _embed_stale(words, limit=limit, now=now, embedder=embedder)
    finally:
        spending.write_down(now=now)


def _embed_stale(
    words: int, *, limit: int, now: datetime, embedder: EmbeddingBackend | None
) -> EmbedReport:
    try:
        embedder = embedder or embeddings.backend()
        stale = selectors.stale_mentors(embedder.model_id, limit)
        if not stale:
            _complaint.say("")
            return EmbedReport(words=words, mentors=0, texts=0)
        known = selectors.vectors_of([mentor.mentor_id for mentor in stale], embedder.model_id)
        wanted = {mentor.mentor_id: chunks(mentor.profile) for mentor in stale}
        fresh = _embed_missing(wanted, known, embedder)
    except EmbeddingUnavailable as error:
        _complaint.say(str(error))
        return EmbedReport(words=words, mentors=0, texts=0, problem=str(error))
    _complaint.say("")
    for mentor in stale:
        texts = wanted[mentor.mentor_id]
        hashes = [source_hash(text, embedder.model_id) for text in texts]
        vectors = [
            fresh[digest] if digest in fresh else known[mentor.mentor_id, digest]
            for digest in hashes
        ]
        _replace(mentor, embedder.model_id, texts, hashes, vectors, now=now)
    return EmbedReport(words=words, mentors=len(stale), texts=len(fresh))


def index_words(*, limit: int) -> int:
    """Count the words of up to `limit` profiles anew; how many there were. Needs no provider."""
    stale = selectors.stale_words(limit)
    if not stale:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        # Two workers counting one mentor would collide on the words they both insert.
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_WORDS_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(_FORGET_WORDS, [stale, stale])
        cursor.execute(_COUNT_WORDS, [stale])
    return len(stale)


def count_frequencies() -> None:
    """Count anew how many mentors use each word: after a bulk load, or deletions of mentors."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_WORDS_LOCK])
        cursor.execute("DELETE FROM matching_wordfrequency")
        cursor.execute(_COUNT_FREQUENCIES)


@contextmanager
def only_one_indexer() -> Iterator[bool]:
    """True for whoever comes first; everyone else leaves the work to them. Never waits.

    Two at once would do no harm, only the work twice. The lock belongs to the connection and ends
    with it, so a worker that dies leaves nothing behind.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_INDEXER_LOCK])
        is_first = bool(cursor.fetchone()[0])
    try:
        yield is_first
    finally:
        if is_first:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_INDEXER_LOCK])


def _embed_missing(
    wanted: dict[UUID, list[str]],
    known: dict[tuple[UUID, str], NDArray[np.float32]],
    embedder: EmbeddingBackend,
) -> dict[str, NDArray[np.float32]]:
    """Vectors of the chunks that have none yet, by hash of their text; equal texts only once."""
    missing = {
        digest: text
        for mentor_id, texts in wanted.items()
        for text in texts
        if (mentor_id, digest := source_hash(text, embedder.model_id)) not in known
    }
    if not missing:
        return {}
    return dict(zip(missing, _vectors(list(missing.values()), embedder), strict=True))


def _vectors(texts: Sequence[str], embedder: EmbeddingBackend) -> NDArray[np.float32]:
    """One unit row a text, shape (len(texts), dimensions): the mean of its windows by their length.

    A model cuts off what is longer than its window; without the mean, the end of a long profile
    would never be found by meaning.
    """
    parts = [windows(text) for text in texts]
    different = list(dict.fromkeys(window for windows_ in parts for window in windows_))
    of_window = dict(zip(different, embedder.embed_documents(different), strict=True))
    means = [
        np.average(
            [of_window[w] for w in windows_], axis=0, weights=[len(w) or 1 for w in windows_]
        )
        for windows_ in parts
    ]
    return unit_rows(np.array(means, dtype=np.float32))


def _replace(
    mentor: selectors.StaleMentor,
    model_id: str,
    texts: Sequence[str],
    hashes: Sequence[str],
    vectors: Sequence[NDArray[np.float32]],
    *,
    now: datetime,
) -> None:
    """Exchange one mentor's vectors under one model; a search sees the old ones or the new ones."""
    with transaction.atomic():
        # Serialises two workers on this mentor, and finds out whether there still is one.
        held = Mentor.objects.select_for_update(no_key=True).filter(pk=mentor.mentor_id)
        if not held.values_list("pk", flat=True).first():
            return
        MentorEmbedding.objects.filter(mentor_id=mentor.mentor_id, model_id=model_id).delete()
        MentorEmbedding.objects.bulk_create(
            MentorEmbedding(
                mentor_id=mentor.mentor_id,
                model_id=model_id,
                chunk_no=number,
                text=text,
                text_hash=digest,
                vector=vector,
            )
            for number, (text, digest, vector) in enumerate(
                zip(texts, hashes, vectors, strict=True)
            )
        )
        MentorIndex.objects.update_or_create(
            mentor_id=mentor.mentor_id,
            model_id=model_id,
            defaults={"source_hash": mentor.source_hash, "embedded_at": now},
        )
