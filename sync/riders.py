"""What rides along with other changes, and by itself only once a night.

How booked a mentor is changes with every booking and every passing hour: sent each time it would take
the base's requests from what people wait for.
"""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Final

from sync import outbox
from sync.mappings import Mapping
from sync.models import RecordLink
from sync.records import LINKED, riding_values

AT_ONCE: Final = 500


def note_differing(mapping: Mapping, *, now: datetime) -> int:
    """Put the records in which any of it is out of date in the sender's queue; how many."""
    riding = [field for field in mapping.fields if field.rides]
    if not riding:
        return 0
    links = RecordLink.objects.filter(subject=mapping.subject, state=LINKED)
    rows = links.values_list("object_id", "ancestor").iterator(chunk_size=AT_ONCE)
    noted = 0
    while agreed := dict(islice(rows, AT_ONCE)):
        stale = [
            object_id
            for object_id, rider in mapping.riders(list(agreed)).items()
            if any(
                value != agreed[object_id].get(name, mapping.by_name[name].codec.empty)
                for name, value in riding_values(mapping, rider).items()
            )
        ]
        outbox.note_riders(mapping.subject, stale, now)
        noted += len(stale)
    return noted
