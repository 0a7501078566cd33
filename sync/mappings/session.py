"""Sessions. Shown in Airtable, decided here; a PM may cancel one there."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery

from accounts.refusals import Refusal
from sessions_app import services
from sessions_app.models import Feedback, Meeting, Session
from sync.mappings import codecs
from sync.mappings.base import PLATFORM, Edit, Field, Many, Mapping, Watch

LABELS = {
    Session.Status.PENDING: "Pending",
    Session.Status.BOOKED: "Booked",
    Session.Status.COMPLETED: "Completed",
    Session.Status.CANCELLED: "Cancelled",
    Session.Status.NO_SHOW: "No show",
}
CANCELLED = LABELS[Session.Status.CANCELLED]
# SQL for the triggers: of people in the base, not of load tests.
_OWN = """
    SELECT {row}.id AS id
    WHERE NOT EXISTS (SELECT 1 FROM mentors_mentor WHERE id = {row}.mentor_id AND is_synthetic)
    AND NOT EXISTS (SELECT 1 FROM mentors_mentee WHERE id = {row}.mentee_id AND is_synthetic)
"""
_OF = """
    SELECT s.id FROM sessions_app_session s
    JOIN mentors_mentor m ON m.id = s.mentor_id AND NOT m.is_synthetic
    JOIN mentors_mentee e ON e.id = s.mentee_id AND NOT e.is_synthetic
"""
_OF_MEETING = _OF + "WHERE s.meeting_id = {row}.id"
_OF_FEEDBACK = _OF + "WHERE s.id = {row}.session_id"


def _objects() -> QuerySet[Session]:
    return (
        Session.objects.filter(mentor__is_synthetic=False, mentee__is_synthetic=False)
        .select_related("meeting")
        .prefetch_related("feedback")
    )


def _status(session: Session) -> str:
    return LABELS[Session.Status(session.status)]


def _rating(session: Session) -> int | None:
    return next(
        (row.overall for row in session.feedback.all() if row.side == Feedback.Side.MENTEE), None
    )


def _rating_of_many() -> Subquery:
    ratings = Feedback.objects.filter(session=OuterRef("pk"), side=Feedback.Side.MENTEE)
    return Subquery(ratings.values("overall")[:1])


def _joined(side: str) -> Any:
    return lambda session: getattr(session, f"{side}_joined_at") is not None


def _apply(session_id: UUID, changes: MappingType[str, Any], edit: Edit) -> None:
    """Only Status as Cancelled; the merge lets nothing else through, but a person may ask for it."""
    if dict(changes) != {"Status": CANCELLED}:
        raise Refusal("Sessions are moved and changed in Office Hours, on the session's own page.")
    services.cancel_session(
        session_id=session_id,
        by=None,
        reason="Cancelled by a program manager in Airtable.",
        clock=edit.clock,
    )


def _admit(values: MappingType[str, Any], edit: Edit) -> UUID:
    raise Refusal("Sessions are booked in Office Hours; a row added here books nothing.")


def _remove(session_id: UUID, edit: Edit) -> None:
    raise Refusal("A session's row is kept. To cancel the session, set its Status to Cancelled.")


SESSION = Mapping(
    subject="session",
    table="Sessions",
    model=Session,
    fields=(
        Field(
            "Mentor",
            codecs.link("Mentors"),
            PLATFORM,
            "mentor_id",
            columns=("mentor",),
            links="mentor",
        ),
        Field(
            "Mentee",
            codecs.link("Mentees"),
            PLATFORM,
            "mentee_id",
            columns=("mentee",),
            links="mentee",
        ),
        Field("Starts", codecs.moment, PLATFORM, "starts_at"),
        Field("Ends", codecs.moment, PLATFORM, "ends_at"),
        Field(
            "Status",
            codecs.select(*LABELS.values()),
            PLATFORM,
            _status,
            many=Many("status", lambda status: LABELS[Session.Status(status)]),
            columns=("status",),
            accepts=(CANCELLED,),
        ),
        Field("Meeting URL", codecs.url, PLATFORM, "meeting.meeting_url"),
        Field("Goal", codecs.long_text, PLATFORM, "goal"),
        Field(
            "Mentor Joined",
            codecs.checkbox,
            PLATFORM,
            _joined("mentor"),
            many=Many("mentor_joined_at", lambda moment: moment is not None),
            columns=("mentor_joined_at",),
        ),
        Field(
            "Mentee Joined",
            codecs.checkbox,
            PLATFORM,
            _joined("mentee"),
            many=Many("mentee_joined_at", lambda moment: moment is not None),
            columns=("mentee_joined_at",),
        ),
        Field(
            "Rating",
            codecs.rating,
            PLATFORM,
            _rating,
            many=Many(_rating_of_many),
        ),
    ),
    objects=_objects,
    owned_by=_OWN,
    apply=_apply,
    admit=_admit,
    remove=_remove,
    watches=(
        Watch(Meeting, ("meeting_url", "location"), _OF_MEETING, insert=False, delete=False),
        Watch(Feedback, ("session_id", "side", "overall"), _OF_FEEDBACK),
    ),
)
