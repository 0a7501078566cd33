"""What mentors and mentees have in common: an address, and limits to what Airtable may do."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from typing import Any

from accounts.models import User
from accounts.refusals import Refusal
from sync import sign_in_addresses
from sync.mappings.base import PLATFORM, Edit, Mapping, arguments

PEOPLE = ("mentor", "mentee")


def refuse_staff(user: User | None) -> None:
    """A base editor must not reach the people who run the program."""
    if user is not None and user.is_program_manager:
        raise Refusal(
            "This address belongs to someone who runs the program; their profile is changed in "
            "Office Hours only."
        )


def with_address(user: User, changes: MappingType[str, Any], edit: Edit) -> MappingType[str, Any]:
    """The changes without the address, which goes a way of its own (`sync.sign_in_addresses`)."""
    if "Email" not in changes:
        return changes
    if not changes["Email"]:
        raise Refusal("The address cannot be empty: it is how they sign in.")
    sign_in_addresses.take(user=user, email=changes["Email"], now=edit.now)
    return {name: value for name, value in changes.items() if name != "Email"}


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
