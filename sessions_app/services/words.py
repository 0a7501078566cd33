"""The words of our messages, changed by a program manager in Airtable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from content.models import MessageTemplate
from content.services import save_template as save
from sessions_app.wording import sentence_about, unknown_variables


def save_template(*, template_id: UUID | None, changes: Mapping[str, Any]) -> MessageTemplate:
    """Change a template, or make one where `template_id` is None.

    Raises NotFound, or Invalid: also for a variable that does not exist, which would be mailed as
    it stands.
    """
    return save(
        template_id=template_id,
        changes=changes,
        checks={"subject": _unknown_variable, "body": _unknown_variable},
    )


def _unknown_variable(text: str) -> str | None:
    return next((sentence_about(name) for name in unknown_variables(text)), None)
