"""Help prompts. PMs write what the help page answers."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.refusals import Refusal
from content import services
from content.models import HelpPrompt
from sync.mappings import codecs
from sync.mappings.base import AIRTABLE, Edit, Field, Mapping, arguments, filled


def _objects() -> QuerySet[HelpPrompt]:
    return HelpPrompt.objects.all()


def _apply(prompt_id: UUID, changes: MappingType[str, Any], edit: Edit) -> None:
    services.save_prompt(prompt_id=prompt_id, changes=arguments(PROMPT, changes))


def _admit(values: MappingType[str, Any], edit: Edit) -> UUID:
    category, topic = values.get("Category", ""), values.get("Topic", "")
    if not category or not topic:
        raise Refusal("Set Category and Topic: they say where on the help page this is shown.")
    known = HelpPrompt.objects.filter(category__iexact=category, topic__iexact=topic).first()
    return services.save_prompt(
        prompt_id=known.pk if known is not None else None,
        changes=arguments(PROMPT, filled(PROMPT, values)),
    ).pk


def _remove(prompt_id: UUID, edit: Edit) -> None:
    services.save_prompt(prompt_id=prompt_id, changes={"is_active": False})


def _is_active(prompt: HelpPrompt) -> bool:
    return prompt.is_active


PROMPT = Mapping(
    subject="prompt",
    table="Help Prompts",
    model=HelpPrompt,
    primary="Topic",
    fields=(
        Field("Topic", codecs.text, AIRTABLE, "topic", required=True),
        Field("Category", codecs.text, AIRTABLE, "category", required=True),
        Field("Default Response", codecs.long_text, AIRTABLE, "response"),
        Field("Active Status", codecs.checkbox, AIRTABLE, "is_active"),
    ),
    objects=_objects,
    owned_by="SELECT {row}.id AS id",
    apply=_apply,
    admit=_admit,
    remove=_remove,
    alive=_is_active,
    after_removal={"Active Status": False},
)
