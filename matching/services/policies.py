"""The policies that order lists: which one is published, and how another takes its place."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.apps import apps as global_apps
from django.apps.registry import Apps
from django.db import connection, transaction
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.refusals import NotFound
from matching import selectors
from matching.models import Experiment, MatchPolicy
from matching.ranking import DEFAULT_POLICY, WEIGHTS, Policy
from sessions_app.refusals import IllegalMove

# Advisory locks share one number space per database; this is ours. Versions are counted and policies
# published one after the other, so that neither number nor place is taken twice.
_POLICIES_LOCK: Final = 0x0FF1_CE03


# What the preview of a policy shows lists for, until program managers save requests of their own.
SHIPPED_QUERIES: Final = (
    "We are raising our first institutional round and do not know which funds to talk to",
    "I need to hire our first two engineers and have never run an interview",
    "Pricing: we charge per seat and customers keep asking for a flat fee",
    "How do I leave founder-led sales without losing the deals we have?",
    "Our cofounder wants to leave and we have no vesting agreement",
    "Moving a health app through its first regulatory approval in Europe",
    "Is our churn a product problem or the wrong customers?",
    "GDPR",
)


def ship(*, apps: Apps = global_apps, **_signal: Any) -> None:
    """Store and publish what the product is shipped with, where there is no policy at all.

    Runs after every migrate, and so also in a database that was emptied.

    Args:
        apps: the models as that migrate left them; a step back may have taken ours away.
    """
    try:
        policies, queries = (apps.get_model("matching", n) for n in ("MatchPolicy", "SavedQuery"))
    except LookupError:
        return
    if policies.objects.exists():
        return
    policies.objects.create(
        name=DEFAULT_POLICY.name,
        version=DEFAULT_POLICY.version,
        state=MatchPolicy.State.PUBLISHED,
        note=_("As the product was shipped."),
        published_at=timezone.now(),
        **DEFAULT_POLICY.weights(),
    )
    queries.objects.bulk_create(
        (queries(text=text) for text in SHIPPED_QUERIES), ignore_conflicts=True
    )


def published() -> Policy:
    """The policy that lists are ordered by. The shipped one where none is published."""
    row = MatchPolicy.objects.filter(state=MatchPolicy.State.PUBLISHED).first()
    return DEFAULT_POLICY if row is None else as_policy(row)


def as_policy(row: MatchPolicy) -> Policy:
    """What ranking needs of a stored policy."""
    weights = {name: getattr(row, name) for name in WEIGHTS}
    return Policy(name=row.name, version=row.version, **weights)


def named(label: str) -> Policy:
    """The policy of "name:version"; of a name alone its published version, or else its latest.

    Raises NotFound.
    """
    name, _colon, version = label.partition(":")
    rows = MatchPolicy.objects.filter(name=name)
    if version:
        rows = rows.filter(version=int(version)) if version.isdigit() else rows.none()
    found = max(rows, key=lambda row: (row.state == row.State.PUBLISHED, row.version), default=None)
    if found is None:
        raise NotFound
    return as_policy(found)


def draft_from(*, policy_id: UUID, by: User) -> MatchPolicy:
    """A new draft with the weights of any version, as the next version of its name.

    Raises NotFound.
    """
    with transaction.atomic():
        one_at_a_time()
        source = MatchPolicy.objects.filter(pk=policy_id).first()
        if source is None:
            raise NotFound
        return MatchPolicy.objects.create(
            name=source.name,
            version=_next_version(source.name),
            note="",
            created_by=by,
            **{name: getattr(source, name) for name in WEIGHTS},
        )


def save_draft(*, draft: MatchPolicy, by: User) -> MatchPolicy:
    """Store a draft as it was filled in. Under a new name its versions are counted from 1.

    Raises IllegalMove for what is no draft any more.
    """
    with transaction.atomic():
        one_at_a_time()
        before = MatchPolicy.objects.filter(pk=draft.pk).first()
        if before is None:
            draft.created_by = by
        elif before.state != MatchPolicy.State.DRAFT:
            raise IllegalMove(
                _("A version that was published stays as it was. Make a draft of it.")
            )
        else:
            _refuse_if_shown(before)
        if before is None or before.name != draft.name:
            draft.version = _next_version(draft.name)
        draft.state = MatchPolicy.State.DRAFT
        draft.save()
    return draft


def publish(*, policy_id: UUID, by: User, now: datetime) -> MatchPolicy:
    """Order every list by this policy from now on; the one before is retired and kept.

    Raises:
        NotFound: there is no such policy.
        IllegalMove: it is published already.
    """
    with transaction.atomic():
        one_at_a_time()
        policy = MatchPolicy.objects.filter(pk=policy_id).first()
        if policy is None:
            raise NotFound
        if policy.state == MatchPolicy.State.PUBLISHED:
            raise IllegalMove(_("This policy is published already."))
        if (running := selectors.running_experiment()) is not None:
            raise IllegalMove(
                _("The experiment “%(name)s” compares with the published policy. Stop it first.")
                % {"name": running}
            )
        MatchPolicy.objects.filter(state=MatchPolicy.State.PUBLISHED).update(
            state=MatchPolicy.State.RETIRED
        )
        policy.state = MatchPolicy.State.PUBLISHED
        policy.published_by, policy.published_at = by, now
        policy.save(update_fields=["state", "published_by", "published_at"])
    return policy


def _refuse_if_shown(draft: MatchPolicy) -> None:
    tried_in = Experiment.objects.filter(Q(control=draft) | Q(treatment=draft))
    experiment = tried_in.exclude(state=Experiment.State.DRAFT).first()
    if experiment is not None:
        raise IllegalMove(
            _("The experiment “%(name)s” shows people this version. Make a new draft of it.")
            % {"name": experiment}
        )


def _next_version(name: str) -> int:
    latest = MatchPolicy.objects.filter(name=name).aggregate(latest=Max("version"))["latest"]
    return int(latest or 0) + 1


def one_at_a_time() -> None:
    """Until the end of this transaction nobody else changes policies or what they are tried in."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_POLICIES_LOCK])
