"""What mentors and mentees have in common: an address, and limits to what Airtable may do."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from typing import Any

from accounts.models import User
from accounts.refusals import Refusal


def refuse_staff(user: User | None) -> None:
    """A base editor must not reach the people who run the program."""
    if user is not None and user.is_program_manager:
        raise Refusal(
            "This address belongs to someone who runs the program; their profile is changed in "
            "Office Hours only."
        )


def refuse_new_address(changes: MappingType[str, Any]) -> MappingType[str, Any]:
    """The address is how a person signs in, so a cell alone does not move it."""
    if "Email" in changes:
        raise Refusal(
            "A sign-in address is changed by its owner, who has to confirm the new one: ask them to "
            "do it in Office Hours."
        )
    return changes
