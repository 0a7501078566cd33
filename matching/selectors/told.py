"""What a mentee was told of the mentor whom they then booked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol
from uuid import UUID

from matching.models import MatchImpression

# Of what was said, that which is about the mentor and not about a time or a place in a list.
LASTING = frozenset({
    "expertise", "quote", "language", "connection", "rating", "industry", "stage", "acceptance",
})  # fmt: skip


class Booked(Protocol):
    """A session, as far as it matters here: who was booked, and from which list."""

    pk: UUID
    mentor_id: UUID
    match_request: UUID | None


def reasons_told(sessions: Iterable[Booked]) -> dict[UUID, list[dict[str, str]]]:
    """The reasons (code, text) shown beside the mentor in the list that each session came from.

    In one query. In the words of the mentee's page then; sessions that came from no list are left out.
    """
    booked = defaultdict(list)
    for row in sessions:
        if row.match_request:
            booked[row.match_request, row.mentor_id].append(row.pk)
    if not booked:
        return {}
    shown = MatchImpression.objects.filter(
        request__in={request for request, _mentor in booked}
    ).values_list("request_id", "mentor_id", "reasons")
    return {
        session_id: [reason for reason in reasons if reason["code"] in LASTING]
        for request, mentor, reasons in shown
        for session_id in booked.get((request, mentor), ())
    }
