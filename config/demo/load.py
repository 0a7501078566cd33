"""Synthetic mentors in the database, by the tens of thousands: COPY in, set-wise out.

They are marked synthetic, which puts them outside every Airtable mapping; row triggers are passed
over while they come and go, and what those would have kept right is computed set-wise instead.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pgtrigger
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.db.models import SET_NULL, Model
from numpy.typing import NDArray
from pgvector.psycopg.vector import register_vector_info
from psycopg import sql
from psycopg.types import TypeInfo

from accounts.models import User
from config.demo.people import records
from config.demo.synthetic import Maker, Synthetic, vectors
from matching import embeddings, services as matching
from matching.models import MentorEmbedding
from matching.profile_text import source_hash
from matching.selectors.staleness import EXPERTISE, VECTORS_HASH
from mentors.models import Expertise, Mentor
from sessions_app.models import AvailabilityWindow

MOST: Final = 100_000
BATCH: Final = 5_000

# What `refresh_openings` would find for mentors whom nobody has booked yet.
_OPENINGS: Final = """
    INSERT INTO sessions_app_mentoropening
        (mentor_id, next_start, free_7d, free_14d, computed_at, generation, computed_generation)
    SELECT m.id, min(slot.starts_at),
        count(*) FILTER (WHERE slot.starts_at < %(now)s + interval '7 days'),
        count(*) FILTER (WHERE slot.starts_at < %(now)s + interval '14 days'),
        %(now)s, 1, 1
    FROM mentors_mentor m
    LEFT JOIN LATERAL (
        SELECT slot.starts_at
        FROM sessions_app_availabilitywindow w,
            generate_series(w.starts_at, w.ends_at - make_interval(mins => m.session_minutes),
                            make_interval(mins => m.session_minutes)) AS slot (starts_at)
        WHERE w.mentor_id = m.id AND w.is_active
          AND slot.starts_at >= %(now)s + make_interval(mins => m.minimum_notice_minutes)
          AND slot.starts_at <= %(now)s + make_interval(days => m.booking_horizon_days)
    ) slot ON true
    WHERE m.is_synthetic
    GROUP BY m.id
    ON CONFLICT (mentor_id) DO NOTHING
"""
_INDEXED: Final = f"""
    INSERT INTO matching_mentorindex (mentor_id, model_id, source_hash, embedded_at)
    SELECT m.id, %s, {VECTORS_HASH}, %s FROM mentors_mentor m {EXPERTISE} WHERE m.is_synthetic
    ON CONFLICT (mentor_id, model_id) DO NOTHING
"""  # noqa: S608  made of constants


# By name: an ANALYZE of everything locks what all databases of a server share until we are done.
_ANALYZE: Final = (
    "ANALYZE accounts_user, mentors_mentor, mentors_expertise, sessions_app_availabilitywindow,"
    " sessions_app_mentoropening, matching_mentorembedding, matching_mentorindex"
)


def have_synthetic_mentors(count: int, *, now: datetime) -> str:
    """Add synthetic mentors up to `count`, or remove all for 0. Returns what was done, as a sentence."""
    began = time.monotonic()
    known = Mentor.objects.filter(is_synthetic=True).count()
    if count == 0:
        _remove()
        matching.count_frequencies()
        done = f"Removed {known:,} synthetic mentors"
    elif known >= count:
        return f"There are {known:,} synthetic mentors already."
    else:
        has_vectors = _add(count - known, now=now)
        without = "" if has_vectors else " without vectors, because the real ones have none yet"
        done = f"Added {count - known:,} synthetic mentors{without}"
    return f"{done} in {time.monotonic() - began:.1f} s."


def _add(count: int, *, now: datetime) -> bool:
    first = _highest_number() + 1
    real = _real_vectors()
    maker = Maker(
        [row for row in records("mentors") if not real or row["email"] in real],
        today=now.astimezone(UTC).date(),
    )
    said = _sentence_vectors(maker) if real else {}
    with transaction.atomic(), _without_triggers(), _without_slow_indexes(count):
        for start in range(first, first + count, BATCH):
            people = [maker.make(n) for n in range(start, min(start + BATCH, first + count))]
            _copy_people(people, now)
            if real:
                _copy_vectors(people, real, said)
        with connection.cursor() as cursor:
            cursor.execute(_OPENINGS, {"now": now})
            if real:
                cursor.execute(_INDEXED, [embeddings.backend().model_id, now])
            cursor.execute(_ANALYZE)
        # In here, because millions of words are counted without a foreign key's check for each.
        while matching.index_words(limit=BATCH * 2):
            pass
        matching.outdate_answers()
    return bool(real)


def _highest_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(max(substring(email from '^load-([0-9]+)@')::int), 0) FROM accounts_user"
        )
        row: tuple[int] = cursor.fetchone()
        return row[0]


def _real_vectors() -> dict[str, NDArray[np.float32]]:
    """The hand-written mentors' vectors under the model in use, by e-mail."""
    emails = {row["email"] for row in records("mentors")}
    rows = MentorEmbedding.objects.filter(
        model_id=embeddings.backend().model_id, mentor__user__email__in=emails
    ).order_by("mentor", "chunk_no")
    found: dict[str, list[Any]] = defaultdict(list)
    for email, vector in rows.values_list("mentor__user__email", "vector"):
        found[email].append(vector)
    return {email: np.asarray(group, dtype=np.float32) for email, group in found.items()}


def _copy_people(people: Sequence[Synthetic], now: datetime) -> None:
    nobody = make_password(None)  # they cannot sign in, so one unusable password does for all
    _copy(
        User,
        "id email name role time_zone password",
        ((p.user_id, p.email, p.name, User.Role.MENTOR, p.time_zone, nobody) for p in people),
    )
    _copy(
        Mentor,
        "id user_id headline bio company title industries stages languages weekly_load_cap"
        " session_minutes is_synthetic consent_at updated_at",
        (
            (
                *(p.mentor_id, p.user_id, p.profile.headline, p.profile.bio, p.profile.company),
                *(p.profile.title, list(p.profile.industries), list(p.profile.stages)),
                *(list(p.profile.languages), p.weekly_load_cap, p.session_minutes, True, now, now),
            )
            for p in people
        ),
    )
    _copy(
        Expertise,
        "id mentor_id area sub_area seniority weight",
        (
            (_child(p, n), p.mentor_id, *(skill[name] for name in _SKILL))
            for p in people
            for n, skill in enumerate(p.skills)
        ),
    )
    _copy(
        AvailabilityWindow,
        "id mentor_id starts_at ends_at updated_at",
        (
            (_child(p, n), p.mentor_id, starts_at, ends_at, now)
            for p in people
            for n, (starts_at, ends_at) in enumerate(p.windows)
        ),
    )


_SKILL: Final = ("area", "sub_area", "seniority", "weight")


def _child(person: Synthetic, number: int) -> str:
    """A key for a row of that mentor's: theirs with the last four digits counted up."""
    return f"{person.mentor_id.hex[:-4]}{number:04x}"


def _copy(model: type[Model], names: str, rows: Iterable[Sequence[Any]]) -> None:
    """COPY rows of these columns; the others take the model's defaults, which COPY does not know."""
    given = names.split()
    rest = [
        field
        for field in model._meta.concrete_fields
        if field.column not in given and not getattr(field, "generated", False)
    ]
    defaults = tuple(field.get_default() for field in rest)
    columns = [*given, *(str(field.column) for field in rest)]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(model._meta.db_table),
        sql.SQL(", ").join([sql.Identifier(c) for c in columns]),
    )
    with connection.cursor() as cursor, cursor.cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row((*row, *defaults))


def _sentence_vectors(maker: Maker) -> dict[str, NDArray[np.float32]]:
    """What the hand-written bios are made of, each sentence embedded: some 15 s with the local model."""
    sentences = sorted({sentence for bio in maker.sentences for sentence in bio})
    return dict(zip(sentences, embeddings.backend().embed_documents(sentences), strict=True))


def _copy_vectors(
    people: Sequence[Synthetic],
    real: dict[str, NDArray[np.float32]],
    said: dict[str, NDArray[np.float32]],
) -> None:
    model_id = embeddings.backend().model_id
    statement = (
        "COPY matching_mentorembedding (mentor_id, model_id, chunk_no, text, text_hash, vector)"
        " FROM STDIN (FORMAT BINARY)"
    )
    with connection.cursor() as wrapper:
        cursor = wrapper.cursor
        # On this cursor alone: elsewhere Django reads vectors in its own way.
        register_vector_info(cursor, TypeInfo.fetch(cursor.connection, "vector"))
        with cursor.copy(statement) as copy:
            copy.set_types(["uuid", "varchar", "int2", "text", "varchar", "vector"])
            for person, texts, rows in vectors(people, real, said, seed=people[0].number):
                for number, (text, row) in enumerate(zip(texts, rows, strict=True)):
                    digest = source_hash(text, model_id)
                    copy.write_row((person.mentor_id, model_id, number, text, digest, row))


@contextmanager
def _without_triggers() -> Iterator[None]:
    """No row triggers until the transaction ends.

    A superuser, which the embedded database's owner is, turns them off at the source, foreign keys
    included; anybody else asks our own to stand aside.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone()[0]:
            cursor.execute("SET LOCAL session_replication_role = replica")
            yield
            cursor.execute("SET LOCAL session_replication_role = origin")
        else:
            names = {
                name
                for model, trigger in pgtrigger.registered()
                for name in (
                    trigger.get_pgid(model),
                    f"{model._meta.db_table}:{trigger.get_pgid(model)}",
                )
            }
            ignored = "{" + ",".join(sorted(names)) + "}"
            cursor.execute("SELECT set_config('pgtrigger.ignore', %s, true)", [ignored])
            yield
            cursor.execute("SELECT set_config('pgtrigger.ignore', NULL, true)")


@contextmanager
def _without_slow_indexes(count: int) -> Iterator[None]:
    """Take away what a large load pays for row by row, and build it at once afterwards.

    That is the windows' exclusion constraint (it checks every row again when it comes back), the
    index of the words, and any approximate index of the vectors, which the indexer builds anew. Others
    wait meanwhile: on a laptop there are none.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SLOW)
        slow = cursor.fetchall() if count >= BATCH else []
        for drop, _create in slow:
            cursor.execute(drop)
        yield
        for _drop, create in slow:
            if create:
                cursor.execute(create)


# Each with the statement that drops it and the one that makes it again.
_SLOW: Final = """
    SELECT format('ALTER TABLE %I DROP CONSTRAINT %I', conrelid::regclass, conname),
           format('ALTER TABLE %I ADD CONSTRAINT %I %s', conrelid::regclass, conname,
                  pg_get_constraintdef(oid))
    FROM pg_constraint
    WHERE (contype, conrelid) IN (
        ('x', 'sessions_app_availabilitywindow'::regclass), ('u', 'matching_wordcount'::regclass))
    UNION ALL
    SELECT format('DROP INDEX %I', indexname), NULL
    FROM pg_indexes
    WHERE tablename = 'matching_mentorembedding' AND position(' USING hnsw ' in indexdef) > 0
"""


def _remove() -> None:
    """All synthetic mentors, with everything that came to refer to them (sessions of a load test)."""
    with transaction.atomic(), _without_triggers(), connection.cursor() as cursor:
        # Seven subqueries deep, and a demo that was just made has no statistics: taken for empty, its
        # tables would be looped through in one another, for a minute instead of a second.
        cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(
            "CREATE TEMPORARY TABLE gone ON COMMIT DROP AS"
            " SELECT user_id AS id FROM mentors_mentor WHERE is_synthetic"
        )
        _delete(cursor, User, "id IN (SELECT id FROM gone)", ())
        matching.outdate_answers()


def _delete(cursor: Any, model: type[Model], where: str, path: tuple[type[Model], ...]) -> None:
    """Delete those rows, and first what refers to them, as the models say."""
    table, key = model._meta.db_table, model._meta.pk.column
    for relation in model._meta.get_fields(include_hidden=True):
        if not (relation.auto_created and (relation.one_to_many or relation.one_to_one)):
            continue
        child: Any = relation.related_model
        if child in (*path, model) or child._meta.proxy or not child._meta.managed:
            continue
        column = relation.field.column  # type: ignore[union-attr]
        theirs = f'"{column}" IN (SELECT "{key}" FROM "{table}" WHERE {where})'  # noqa: S608
        if relation.on_delete is SET_NULL:  # type: ignore[union-attr]
            cursor.execute(f'UPDATE "{child._meta.db_table}" SET "{column}" = NULL WHERE {theirs}')  # noqa: S608
        else:
            _delete(cursor, child, theirs, (*path, model))
    cursor.execute(f'DELETE FROM "{table}" WHERE {where}')  # noqa: S608
