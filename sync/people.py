"""Looking somebody up in Airtable at the moment they come to sign in.

Once per unknown address: whether it is there is remembered for a few minutes, and all strangers
together may cause only so many look-ups a minute, because each costs requests that the month has
few of. It takes as long as asking for a code takes anybody (`accounts.services.as_long_for_everybody`),
and what is found is admitted by the same merge as a webhook's news: an account without any way in
but a code sent to its address.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.core.cache import cache
from django.db import IntegrityError
from django.utils import timezone

from accounts import selectors
from accounts.cache import is_away
from sync import airtable, limiter, nudges
from sync.airtable import Airtable
from sync.errors import AirtableError, Permanent
from sync.hurry import within
from sync.inbound import Applier
from sync.intake import RecordChange, moment_of
from sync.limiter import Lane
from sync.mappings import BY_SUBJECT
from sync.mappings.people import PEOPLE

logger = logging.getLogger(__name__)

REMEMBERED = 300  # seconds
MOST_A_MINUTE = 30
# Of the time that a look-up has, the part for asking; the rest is for admitting the person.
_ASKING = 0.8


def look_up(*, email: str, now: datetime) -> bool:
    """Whether Airtable has a person of this address, who has then just been admitted.

    Bounded in time; what could not be finished is left to a worker, and the person gets an
    invitation by mail instead of a code at once.
    """
    if airtable.connect() is None or not _may_ask(email, now):
        return False
    seconds = float(settings.PERSON_LOOKUP_SECONDS) * _ASKING
    try:
        with within(seconds):
            return find_and_admit(email=email, now=now, at_sign_in=True)
    except AirtableError as error:
        logger.info("A look-up at sign-in is left to a worker: %s", error)
        nudges.send("sync.tasks.look_for", queue="fastlane", email=email)
        return False


def _may_ask(email: str, now: datetime) -> bool:
    """Once per address and time, and all of them together within bounds.

    Without the cache nothing could be bounded, and the base's requests are everybody's.
    """
    digest = hashlib.sha256(email.encode("utf-8", "replace")).hexdigest()[:32]
    if is_away() or not cache.add(f"sync:looked-up:{digest}", 1, timeout=REMEMBERED):
        return False
    minute = f"sync:look-ups:{int(now.timestamp()) // 60}"
    cache.add(minute, 0, timeout=120)
    try:
        count = cache.incr(minute)
    except ValueError:  # evicted between the two lines
        return False
    return count <= MOST_A_MINUTE and not is_away()


def find_and_admit(*, email: str, now: datetime, at_sign_in: bool = False) -> bool:
    """Admit the people who have this address in Airtable; whether there were any.

    Raises:
        AirtableError: the base could not be asked.
    """
    base = airtable.connect()
    if base is None:
        return False
    applier = Applier(clock=timezone.now)
    with limiter.lane(Lane.PEOPLE):
        changes = list(_changes(base, email, now))
    for change in changes:
        change.at_sign_in = at_sign_in
        try:
            applier.apply(change)
        except IntegrityError:
            # The webhook's news of the same row came in this moment, and has admitted them.
            logger.info("%s was admitted twice at once.", change.record_id)
    return selectors.is_known(email)


def _changes(base: Airtable, email: str, now: datetime) -> Iterator[RecordChange]:
    for subject in PEOPLE:
        mapping = BY_SUBJECT[subject]
        table = base.schema().tables.get(mapping.table)
        if table is None or "Email" not in table.columns:
            continue
        try:
            records = base.with_text(mapping.table, "Email", email)
        except Permanent as error:
            logger.warning("%s cannot be searched by address: %s", mapping.table, error)
            continue
        for record in records:
            yield RecordChange(
                mapping,
                record.id,
                now,
                dict(record.fields),
                complete=True,
                names=table.names,
                made_at=moment_of(record.created_time),
                seen=True,
            )
