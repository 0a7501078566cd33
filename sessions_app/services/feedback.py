from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.refusals import Invalid, NotAllowed
from sessions_app import notifications, selectors
from sessions_app.models import Feedback, Notification, Session
from sessions_app.refusals import IllegalMove
from sessions_app.services.booking import violated_constraint
from sessions_app.services.lifecycle import side_of
from sessions_app.services.rules import Clock

ASKED = (Notification.Kind.FEEDBACK, Notification.Kind.FEEDBACK_NUDGE)
RATINGS = ("overall", "expertise", "communication", "helpfulness")
MOST_WORDS, LONGEST_WORD, LONGEST_COMMENT = 12, 60, 4000


@dataclass(frozen=True, slots=True)
class FeedbackValues:
    """What one side says of a session. Only `overall` is needed."""

    overall: int
    expertise: int | None = None
    communication: int | None = None
    helpfulness: int | None = None
    goals_achieved: bool | None = None
    would_recommend: bool | None = None
    follow_up_needed: bool | None = None
    topics: Sequence[str] = ()
    tags: Sequence[str] = ()
    comment: str = ""


def give_feedback(*, session_id: UUID, by: User, values: FeedbackValues, clock: Clock) -> Feedback:
    """What this person thought of a session that took place: once, and not to be changed.

    Raises:
        NotFound: not theirs.
        NotAllowed: neither mentor nor mentee of it.
        Invalid: a rating outside 1 to 5, or too much text.
        IllegalMove: it is not over, did not take place, or they have answered before.
    """
    session = selectors.session_for(user=by, session_id=session_id)
    side = side_of(session, by)
    if side is None:
        raise NotAllowed(_("Feedback belongs to the two people of a session."))
    now = clock()
    if not took_place(session, now=now):
        raise IllegalMove(_("Feedback can be given once a session is over, if it took place."))
    _check(values)
    content = asdict(values) | {"topics": _words(values.topics), "tags": _words(values.tags)}
    try:
        with transaction.atomic():
            feedback = Feedback.objects.create(
                session=session, side=side, submitted_at=now, **content
            )
            notifications.drop_unsent(session, recipient_id=by.pk, kinds=ASKED)
    except IntegrityError as error:
        if violated_constraint(error) != "each_side_gives_feedback_once":
            raise
        raise IllegalMove(_("You have given your feedback on this session before.")) from error
    return feedback


def took_place(session: Session, *, now: datetime) -> bool:
    """Whether there is something to say about it. One that has just ended is completed within a
    minute; nobody who is quicker should be sent away."""
    if session.status == Session.Status.BOOKED:
        return session.ends_at <= now
    return session.status == Session.Status.COMPLETED


def feedback_of(*, session: Session, user: User) -> Mapping[str, Feedback]:
    """What of a session's feedback this person may read, by side.

    Their own; the other side's only when both have answered, so that nobody answers with an eye on
    the other; program managers read both.
    """
    given = {row.side: row for row in Feedback.objects.filter(session=session)}
    if user.is_program_manager or len(given) == len(Feedback.Side):
        return given
    return {side: row for side, row in given.items() if side == side_of(session, user)}


def _check(values: FeedbackValues) -> None:
    fields: dict[str, list[str]] = {}
    for name in RATINGS:
        rating = getattr(values, name)
        if rating is None and name != "overall":
            continue
        if rating not in range(1, 6):
            fields[name] = [_("Choose a number from 1 to 5.")]
    for name in ("topics", "tags"):
        words = getattr(values, name)
        if len(words) > MOST_WORDS or any(len(word.strip()) > LONGEST_WORD for word in words):
            fields[name] = [
                _("At most %(count)s, each of at most %(length)s characters.")
                % {"count": MOST_WORDS, "length": LONGEST_WORD}
            ]
    if len(values.comment) > LONGEST_COMMENT:
        fields["comment"] = [_("At most %(count)s characters.") % {"count": LONGEST_COMMENT}]
    if fields:
        raise Invalid(_("Some of this cannot be used as it is."), fields=fields)


def _words(words: Sequence[str]) -> list[str]:
    """Each once, without blanks around it."""
    return list(dict.fromkeys(word.strip() for word in words if word.strip()))
