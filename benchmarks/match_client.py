"""One client of the matching benchmark: a process that asks when it is told to.

Reads lines `KIND ROUNDS` from standard input and answers each with a line of JSON: milliseconds, one a round.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from config import garbage

# A SQL expression of the index is only used where it is written alike.
_HYBRID = """
    WITH question AS MATERIALIZED (SELECT %(vector)s::vector AS vector), near AS MATERIALIZED (
        SELECT mentor_id, 1 - ({expression} <=> (SELECT vector FROM question)) AS cosine
        FROM matching_mentorembedding WHERE model_id = %(model)s
        ORDER BY {expression} <=> (SELECT vector FROM question) LIMIT 100
    ), word AS MATERIALIZED (
        SELECT f.word, ln(1 + (c.mentors - f.mentors + 0.5) / (f.mentors + 0.5)) AS idf,
            f.mentors, sum(f.mentors) OVER (ORDER BY f.mentors, f.word) AS hits
        FROM unnest(tsvector_to_array(to_tsvector('english', %(text)s))) AS asked (word)
        JOIN matching_wordfrequency f ON f.word = asked.word
        CROSS JOIN (SELECT mentors FROM matching_wordfrequency WHERE word = '') AS c
    ), lexical AS MATERIALIZED (
        SELECT c.mentor_id, sum(idf * c.count * 2.2 / (c.count + 1.2)) AS bm25
        FROM word JOIN matching_wordcount c ON c.word = word.word
        WHERE hits <= 5000 OR hits = mentors
        GROUP BY c.mentor_id ORDER BY bm25 DESC LIMIT 100
    )
    SELECT mentor_id, 0.7 * coalesce(max(cosine), 0) + 0.3 * coalesce(max(bm25), 0) / 20 AS score
    FROM (SELECT mentor_id, cosine, NULL AS bm25 FROM near
          UNION ALL SELECT mentor_id, NULL, bm25 FROM lexical) AS found
    GROUP BY mentor_id ORDER BY score DESC LIMIT 50
"""
_NEAREST = """
    SELECT mentor_id FROM matching_mentorembedding WHERE model_id = %(model)s
    ORDER BY {expression} <=> %(vector)s::vector LIMIT 100
"""


class Client:
    """Asks the same questions in every way. Each once in these capitals, so that no cache answers."""

    def __init__(self) -> None:
        from accounts.models import User
        from config.demo.people import ALICE, records
        from matching import embeddings
        from matching.vector_index import VectorIndex

        self.embedder = embeddings.backend()
        self.alice = User.objects.get(email=ALICE)
        self.texts = [row["text"] for row in records("queries")]
        index = VectorIndex(self.embedder.model_id, self.embedder.dimensions, settings.VECTOR_INDEX)
        self.sql = {
            name: text.replace("{expression}", index.expression)
            for name, text in (("hybrid", _HYBRID), ("nearest", _NEAREST))
        }
        # Embedded beforehand: what is timed is the statement alone.
        self.vectors = [str(self.embedder.embed_query(text).tolist()) for text in self.texts]
        self.asked = 0

    def run(self, kind: str, rounds: int) -> list[float]:
        work: Callable[[int], object] = getattr(self, kind)
        times = []
        for _round in range(rounds):
            self.asked += 1
            begin = time.perf_counter()
            work(self.asked)
            times.append((time.perf_counter() - begin) * 1000)
        return times

    def service(self, number: int) -> object:
        """All that a request costs below HTTP: embed, retrieve, rank, slots, explain, store."""
        from matching.services import Filters, match

        return match(
            query=self._text_of_its_own(number),
            user=self.alice,
            filters=Filters(),
            limit=10,
            now=timezone.now(),
        )

    def kept(self, number: int) -> object:
        """The same as before, as whoever comes back to their results: an answer that was kept."""
        del number
        return self.service(0)

    def embedding(self, number: int) -> object:
        return self.embedder.embed_query(self._text_of_its_own(number))

    def hybrid(self, number: int) -> object:
        """The least that finds by meaning and words: no rules, no exact comparison, nothing read."""
        return self._query("hybrid", number)

    def nearest(self, number: int) -> object:
        return self._query("nearest", number)

    def queries(self, number: int) -> object:
        """Not timed: prints how many queries a request takes."""
        return self._count(lambda: self.service(number))

    def queries_kept(self, number: int) -> object:
        """Likewise, for a kept answer."""
        return self._count(lambda: self.kept(number))

    def _count(self, work: Callable[[], object]) -> object:
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as captured:
            work()
        spoken = [q for q in captured.captured_queries if q["sql"] not in ("BEGIN", "COMMIT")]
        print(len(spoken), flush=True)
        return None

    def _text(self, number: int) -> str:
        return str(self.texts[number % len(self.texts)])

    def _text_of_its_own(self, number: int) -> str:
        """The same words and word pieces in capitals of their own, so that nothing was kept of it."""
        capitals = random.Random(f"{os.getpid()} {number}")
        text = self._text(number)
        return "".join(letter.upper() if capitals.random() < 0.5 else letter for letter in text)

    def _query(self, name: str, number: int) -> list[Any]:
        values = {
            "vector": self.vectors[number % len(self.vectors)],
            "model": self.embedder.model_id,
            "text": self._text(number),
        }
        with connection.cursor() as cursor:
            cursor.execute(self.sql[name], values)
            return list(cursor.fetchall())


def main() -> None:
    import django

    django.setup()
    client = Client()
    garbage.settle()  # as config/wsgi.py does
    print("ready", flush=True)
    for line in sys.stdin:
        kind, rounds = line.split()
        print(json.dumps(client.run(kind, int(rounds))), flush=True)


if __name__ == "__main__":
    main()
