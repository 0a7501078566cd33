"""Puts given values onto a row after asking the row's own fields whether they are any good."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import models
from django.utils.translation import gettext as _

from accounts.refusals import Invalid

Check = Callable[[Any], str | None]

_http_url = URLValidator(schemes=["http", "https"])


def check_values(
    row: models.Model,
    changes: Mapping[str, Any],
    allowed: frozenset[str],
    extra: Mapping[str, Check],
) -> list[str]:
    """Set the changed attributes on the row, unsaved, and name those that differ from before.

    Raises Invalid with every field that cannot be taken, and then sets none.
    """
    fields: dict[str, list[str]] = {}
    clean: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in allowed:
            fields[name] = [_("This cannot be changed here.")]
            continue
        try:
            clean[name] = _cleaned(row, name, value)
            sentence = extra[name](clean[name]) if name in extra else None
            if sentence:
                fields[name] = [sentence]
        except ValidationError as error:
            fields[name] = [str(message) for message in error.messages]
    if fields:
        raise Invalid(_("Some of this cannot be used as it is."), fields=fields)
    changed = [name for name, value in clean.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, clean[name])
    return changed


def _cleaned(row: models.Model, name: str, value: Any) -> Any:
    field = row._meta.get_field(name)
    assert isinstance(field, models.Field)  # the names are given out by the services
    if isinstance(field, models.CharField | models.TextField):
        value = "" if value is None else value
        if not isinstance(value, str):
            raise ValidationError(_("This must be text."))
        # What has one line keeps one line: a line break in a name would end up in headers of mails.
        one_line = isinstance(field, models.CharField)
        value = " ".join(value.split()) if one_line else value.strip()
        if "\0" in value:
            raise ValidationError(_("This holds a character that cannot be stored."))
        if value and isinstance(field, models.URLField):
            _http_url(value)
    if isinstance(field, ArrayField) and not _is_list_of_texts(value):
        raise ValidationError(_("This must be a list of words."))
    if isinstance(field, models.IntegerField) and isinstance(value, bool | float):
        raise ValidationError(_("This must be a whole number."))
    return field.clean(value, row)


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) and "\0" not in v for v in value)
