"""How a session's state may move, and the one way it does: compare, set, and write it down."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import User
from sessions_app.models import Session, SessionEvent
from sessions_app.refusals import IllegalMove

_Status = Session.Status
LEGAL: Mapping[str, frozenset[str]] = {
    _Status.PENDING: frozenset({_Status.BOOKED, _Status.CANCELLED}),
    _Status.BOOKED: frozenset({_Status.CANCELLED, _Status.COMPLETED, _Status.NO_SHOW}),
    _Status.COMPLETED: frozenset({_Status.NO_SHOW}),  # an absence reported afterwards
    _Status.NO_SHOW: frozenset({_Status.COMPLETED}),  # an absence disputed
    _Status.CANCELLED: frozenset(),
}


def move(
    session: Session, to: str, *, by: User | None, now: datetime, reason: str = "", **changes: Any
) -> None:
    """Move the state, with other columns that change in the same step, and note it in the history.

    Compare and set: where somebody else moved it in the meantime, one of the two wins and the other
    is told, whatever locks either of them holds.

    Raises IllegalMove.
    """
    was = session.status
    if to not in LEGAL[was]:
        raise IllegalMove(
            _("A session that is “%(was)s” cannot become “%(to)s”.")
            % {"was": _Status(was).label.lower(), "to": _Status(to).label.lower()}
        )
    changes |= {"status": to, "version": session.version + 1, "updated_at": now}
    moved = Session.objects.filter(pk=session.pk, status=was, version=session.version)
    if not moved.update(**changes):
        raise IllegalMove(_("This session has changed a moment ago. Look at it again."))
    for name, value in changes.items():
        setattr(session, name, value)
    SessionEvent.objects.create(
        session=session, at=now, by=by, from_status=was, to_status=to, reason=reason
    )
