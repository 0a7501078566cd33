"""Changes to the words that program managers write, whether on our pages or in Airtable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from accounts.checking import Check, check_values
from accounts.refusals import Invalid, NotFound
from content.models import HelpPrompt, MessageTemplate

TEMPLATE_ATTRIBUTES = frozenset({"name", "channel", "subject", "body", "is_active"})
PROMPT_ATTRIBUTES = frozenset({"category", "topic", "response", "is_active"})

Row = TypeVar("Row", bound=models.Model)


def save_template(
    *, template_id: UUID | None, changes: Mapping[str, Any], checks: Mapping[str, Check]
) -> MessageTemplate:
    """Change a template, or make one where `template_id` is None; only what differs is written.

    Args:
        checks: what else must hold of an attribute, known only to whoever sends the messages.

    Raises NotFound, or Invalid with a sentence for every attribute that cannot be taken.
    """
    return _save(
        MessageTemplate,
        template_id,
        changes,
        TEMPLATE_ATTRIBUTES,
        checks,
        taken=_("There is a template of that name for this channel already."),
    )


def save_prompt(*, prompt_id: UUID | None, changes: Mapping[str, Any]) -> HelpPrompt:
    """Change a help prompt, or make one where `prompt_id` is None; like `save_template`."""
    return _save(
        HelpPrompt,
        prompt_id,
        changes,
        PROMPT_ATTRIBUTES,
        {},
        taken=_("There is a prompt on that topic in this category already."),
    )


def _save(
    model: type[Row],
    row_id: UUID | None,
    changes: Mapping[str, Any],
    allowed: frozenset[str],
    checks: Mapping[str, Check],
    *,
    taken: str,
) -> Row:
    with transaction.atomic():
        row = model() if row_id is None else _locked(model, row_id)
        changed = check_values(row, changes, allowed, checks)
        if row_id is not None and not changed:
            return row
        try:
            with transaction.atomic():
                row.save()
        except IntegrityError as error:
            raise Invalid(taken) from error
    return row


def _locked(model: type[Row], row_id: UUID) -> Row:
    row = model._default_manager.select_for_update(no_key=True).filter(pk=row_id).first()
    if row is None:
        raise NotFound
    return row
