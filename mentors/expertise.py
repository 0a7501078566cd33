"""What a mentor knows, replaced as a whole or by the names of the areas alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.refusals import Invalid
from mentors.models import Expertise, Mentor
from mentors.vocabulary import AREAS, tidy

MOST_EXPERTISE = 50
_ATTRIBUTES = ("area", "sub_area", "seniority", "weight")


def replace_expertise(mentor: Mentor, wanted: Any) -> bool:
    """Make the mentor's expertise exactly this list of dicts. Rows that stay keep their id.

    An item names an `area`, and may name `sub_area`, `seniority` and `weight`. Returns whether
    anything changed; raises Invalid.
    """
    rows = _rows(mentor, wanted)
    existing = {_key(row): row for row in Expertise.objects.filter(mentor=mentor)}
    changed = False
    for key, row in rows.items():
        before = existing.pop(key, None)
        if before is not None and _values(before) == _values(row):
            continue
        if before is not None:
            row.pk, row._state.adding = before.pk, False
        row.save()
        changed = True
    gone = [row.pk for row in existing.values()]
    if gone:
        Expertise.objects.filter(pk__in=gone).delete()
    return changed or bool(gone)


def set_areas(mentor: Mentor, areas: Any) -> bool:
    """Keep what is known of these areas, add the new ones plainly, drop the others."""
    if areas is None:
        areas = []
    if not isinstance(areas, list | tuple) or not all(isinstance(area, str) for area in areas):
        _refuse("expertise_areas", _("Give a list of names."))
    wanted = tidy(areas, AREAS)
    kept = [
        _values(row)
        for row in Expertise.objects.filter(mentor=mentor)
        if row.area.casefold() in {area.casefold() for area in wanted}
    ]
    known = {row["area"].casefold() for row in kept}
    try:
        new = [{"area": area} for area in wanted if area.casefold() not in known]
        return replace_expertise(mentor, [*kept, *new])
    except Invalid as refusal:
        sentences = [s for found in refusal.extra["fields"].values() for s in found]
        raise Invalid(str(refusal), fields={"expertise_areas": sentences}) from refusal


def _rows(mentor: Mentor, wanted: Any) -> dict[tuple[str, str], Expertise]:
    if not isinstance(wanted, list | tuple):
        _refuse("expertise", _("Give a list."))
    if len(wanted) > MOST_EXPERTISE:
        _refuse("expertise", _("Choose at most %(most)s.") % {"most": MOST_EXPERTISE})
    rows: dict[tuple[str, str], Expertise] = {}
    for position, item in enumerate(wanted):
        row = _row(mentor, item, f"expertise.{position}")
        if _key(row) in rows:
            _refuse(f"expertise.{position}", _("%(area)s is named twice.") % {"area": row})
        rows[_key(row)] = row
    return rows


def _row(mentor: Mentor, item: Any, path: str) -> Expertise:
    if not isinstance(item, Mapping) or not all(isinstance(key, str) for key in item):
        _refuse(path, _("Give an area, as {“area”: “Sales”}."))
    unknown = set(item) - set(_ATTRIBUTES)
    if unknown:
        _refuse(f"{path}.{min(unknown)}", _("This is not part of an expertise."))
    values = {
        key: value.strip() if isinstance(value, str) else value for key, value in item.items()
    }
    for name in ("area", "sub_area"):
        if name in values and (not isinstance(values[name], str) or "\0" in values[name]):
            _refuse(f"{path}.{name}", _("This must be text."))
    if isinstance(values.get("weight"), bool | float):
        _refuse(f"{path}.weight", _("Give a whole number from 1 to 5."))
    values["area"] = next(iter(tidy([values.get("area", "")], AREAS)), "")
    row = Expertise(mentor=mentor, **values)
    try:
        # The weight's own constraint says 1 to 5; uniqueness is judged over the whole list.
        row.full_clean(exclude=["mentor"], validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        fields = {
            f"{path}.{key}": list(map(str, found)) for key, found in error.message_dict.items()
        }
        raise Invalid(_("Some of this cannot be used as it is."), fields=fields) from error
    if not 1 <= row.weight <= 5:
        _refuse(f"{path}.weight", _("Give a whole number from 1 to 5."))
    return row


def _key(row: Expertise) -> tuple[str, str]:
    # As the database compares them: by lower case.
    return row.area.lower(), row.sub_area.lower()


def _values(row: Expertise) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _ATTRIBUTES}


def _refuse(field: str, sentence: str) -> NoReturn:
    raise Invalid(_("Some of this cannot be used as it is."), fields={field: [sentence]})
