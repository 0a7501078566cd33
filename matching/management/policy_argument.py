"""A policy as it is named in a command: a name, name:version, or a JSON file of weights."""

from __future__ import annotations

import json
from pathlib import Path

from django.core.management.base import CommandError
from django.db import connection

from accounts.refusals import NotFound
from matching.models import MatchPolicy
from matching.ranking import DEFAULT_POLICY, Policy, policy_of
from matching.services import policies


def policy_argument(wanted: str) -> Policy:
    """The published policy if nothing is named. Raises CommandError."""
    if wanted.endswith(".json"):
        path = Path(wanted)
        try:
            weights = json.loads(path.read_text(encoding="utf-8"))
            return policy_of(path.stem, weights)
        except (OSError, ValueError, AttributeError) as error:
            raise CommandError(f"{wanted}: {error}") from error
    if not _has_policies():
        if wanted in ("", DEFAULT_POLICY.name, f"{DEFAULT_POLICY.name}:{DEFAULT_POLICY.version}"):
            return DEFAULT_POLICY
        raise CommandError(f"There is no policy {wanted}: the database has not been migrated.")
    try:
        return policies.named(wanted) if wanted else policies.published()
    except NotFound:
        raise CommandError(f"There is no policy {wanted}.") from None


def _has_policies() -> bool:
    """A labelled set can be measured before there is a product: the database may still be empty."""
    return MatchPolicy._meta.db_table in connection.introspection.table_names()
