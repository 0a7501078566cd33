"""What mentors and mentees have in common: an address, and limits to what Airtable may do."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from typing import Any

from accounts.models import User
from accounts.refusals import Refusal
from sync.mappings.base import PLATFORM, Mapping, arguments


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


def newcomer(
    mapping: Mapping, values: MappingType[str, Any]
) -> tuple[str, str, MappingType[str, Any]]:
    """The address, the name and the rest of a row that a PM made, for the service that admits people.

    Raises Refusal, which becomes the row's Sync Message: no address, or one of the staff's.
    """
    email = values.get("Email", "")
    if not email:
        raise Refusal(f"Add an e-mail address: it is how a {mapping.subject} is known and invited.")
    refuse_staff(User.objects.filter(email__iexact=email).first())
    changes = {
        name: value
        for name, value in values.items()
        if mapping.by_name[name].authority is not PLATFORM
        and name not in ("Email", "Name")
        and value != mapping.by_name[name].codec.empty
    }
    changes["Is Active"] = values.get("Is Active", False)
    return email, values.get("Name", ""), arguments(mapping, changes)
