"""Not relevant, because …: what people say of mentors they were shown, and taking it back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.refusals import Invalid, NotFound
from matching.models import MatchFeedback, MatchImpression, MatchRequest
from matching.selectors import as_judged
from mentors.models import Mentor


def shown_mentor(*, user: User, request_id: UUID, mentor_id: UUID) -> Mentor:
    """A mentor whom this person was shown for that request of theirs. Raises NotFound."""
    shown = (
        MatchImpression.objects.select_related("mentor__user")
        .filter(request=request_id, request__user=user, mentor=mentor_id)
        .first()
    )
    if shown is None:
        raise NotFound
    return shown.mentor


def judge(
    *, user: User, request_id: UUID, mentor_id: UUID, reason: str, words: str, now: datetime
) -> tuple[MatchFeedback, bool]:
    """Say that a mentor who was shown is not relevant; said again, it is changed.

    From now on the mentor is left out of what this person is shown for the same question, or for any,
    where the reason is about the person; for 90 days (`selectors.askers`).

    Returns:
        what is stored now, and whether that is new.

    Raises:
        NotFound: the request is not theirs, or the mentor was not in its list.
        Invalid: there is no such reason.
    """
    if reason not in MatchFeedback.Reason.values:
        sentence = _("Choose one of the reasons.")
        raise Invalid(sentence, fields={"reason": [sentence]})
    shown_mentor(user=user, request_id=request_id, mentor_id=mentor_id)
    asked = MatchRequest.objects.get(pk=request_id)
    return MatchFeedback.objects.update_or_create(
        request=asked,
        mentor_id=mentor_id,
        defaults={
            "user": user,
            "question": as_judged(asked.query),
            "reason": reason,
            "words": words.strip(),
            "created_at": now,
        },
    )


def take_back(*, user: User, request_id: UUID, mentor_id: UUID) -> None:
    """Show the mentor again for the question of that request, whenever it was said. May be repeated.

    Raises NotFound if the request is not theirs.
    """
    asked = MatchRequest.objects.filter(pk=request_id, user=user).first()
    if asked is None:
        raise NotFound
    said = MatchFeedback.objects.filter(user=user, mentor=mentor_id)
    said.filter(
        Q(question=as_judged(asked.query)) | Q(reason__in=MatchFeedback.ABOUT_THE_PERSON)
    ).delete()
