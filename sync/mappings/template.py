"""Message templates. PMs write them in Airtable; an inactive or missing one falls back to ours."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.refusals import Refusal
from content.models import MessageTemplate
from sessions_app import services
from sync.mappings import codecs
from sync.mappings.base import AIRTABLE, Edit, Field, Mapping, arguments, filled


def _objects() -> QuerySet[MessageTemplate]:
    return MessageTemplate.objects.all()


def _apply(template_id: UUID, changes: MappingType[str, Any], edit: Edit) -> None:
    services.save_template(template_id=template_id, changes=arguments(TEMPLATE, changes))


def _admit(values: MappingType[str, Any], edit: Edit) -> UUID:
    name = values.get("Template Name", "")
    if not name:
        raise Refusal("Set the Template Name: it says which message these words are for.")
    channel = values.get("Channel Type") or MessageTemplate.Channel.EMAIL
    known = MessageTemplate.objects.filter(name__iexact=name, channel=channel).first()
    return services.save_template(
        template_id=known.pk if known is not None else None,
        changes=arguments(TEMPLATE, filled(TEMPLATE, values)),
    ).pk


def _remove(template_id: UUID, edit: Edit) -> None:
    services.save_template(template_id=template_id, changes={"is_active": False})


def _is_active(template: MessageTemplate) -> bool:
    return template.is_active


TEMPLATE = Mapping(
    subject="template",
    table="Message Templates",
    model=MessageTemplate,
    primary="Template Name",
    fields=(
        Field("Template Name", codecs.text, AIRTABLE, "name", required=True),
        Field(
            "Channel Type",
            codecs.select(*MessageTemplate.Channel.values),
            AIRTABLE,
            "channel",
            required=True,
        ),
        Field("Subject", codecs.text, AIRTABLE, "subject"),
        Field("Message Body", codecs.long_text, AIRTABLE, "body"),
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
