"""What the demo people asked for: how those who met found one another, and a few who asked and left it at that.

Answered by the engine as it is, and dated back. Without it nobody would have asked for anything, and the
program managers' first page could not say whether matches are good.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from config.demo.past import PAST, UPCOMING
from config.demo.people import ALICE, Demo, demo_id, records
from matching import services as matching
from matching.models import MatchImpression, MatchRequest
from mentors.models import Mentee
from sessions_app.models import Session

# As far back as the first page looks.
BACK: Final = timedelta(days=28)
# Between a question and the booking.
LOOKED: Final = timedelta(minutes=6)
UNDECIDED: Final = 14
SHOWN: Final = 12
# Reasons about what is free today, which was not so when it was asked.
OF_TODAY: Final = frozenset({"next_slot", "room"})


def seed_requests(demo: Demo, *, now: datetime) -> None:
    """Make the requests once, after the sessions. They are history then: a later run adds none."""
    ids = [demo_id("past session", number) for number in range(PAST)]
    ids += [demo_id("upcoming session", number) for number in range(UPCOMING)]
    booked = Session.objects.filter(pk__in=ids).exclude(goal="").order_by("created_at", "pk")
    if not booked or booked.filter(match_request__isnull=False).exists():
        return
    count = 0
    for session in booked.filter(created_at__gt=now - BACK).select_related("mentee__user"):
        at = session.created_at - LOOKED
        request_id = _ask(session.goal, session.mentee, at, opened=(session.mentor_id,), now=now)
        if request_id is not None:
            Session.objects.filter(pk=session.pk).update(match_request=request_id)
        count += 1
    chance = random.Random("requests")  # noqa: S311  the same demo for everyone
    others = [mentee for email, mentee in demo.mentees.items() if email != ALICE]
    for query in chance.sample(records("queries"), UNDECIDED):
        at = now - chance.uniform(0.1, 1) * BACK
        _ask(query["text"], chance.choice(others), at, opened=(), now=now)
        count += 1
    demo.note("requests", count)


def _ask(
    text: str, mentee: Mentee, at: datetime, *, opened: tuple[UUID, ...], now: datetime
) -> UUID | None:
    """One question, asked then. Returns its id if those who were `opened` were in the list."""
    answer = matching.match(
        query=text, user=mentee.user, filters=matching.Filters(), limit=SHOWN, now=now
    )
    MatchRequest.objects.filter(pk=answer.request_id).update(created_at=at, from_cache=False)
    shown = list(MatchImpression.objects.filter(request=answer.request_id))
    for impression in shown:
        impression.reasons = [
            reason for reason in impression.reasons if reason["code"] not in OF_TODAY
        ]
        if impression.mentor_id in opened:
            impression.clicked_at = at + LOOKED / 2
    MatchImpression.objects.bulk_update(shown, ["reasons", "clicked_at"])
    found = {impression.mentor_id for impression in shown}
    return answer.request_id if found.intersection(opened) else None
