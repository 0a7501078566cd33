"""A policy as it is named in a command: a name, name:version, or a JSON file of weights."""

from __future__ import annotations

import json
from pathlib import Path

from django.core.management.base import CommandError

from accounts.refusals import NotFound
from matching.ranking import Policy, policy_of
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
    try:
        return policies.named(wanted) if wanted else policies.published()
    except NotFound:
        raise CommandError(f"There is no policy {wanted}.") from None
