"""Every table of the base that is kept in step, in the order in which links need them."""

from sync.mappings.availability import WINDOW
from sync.mappings.base import Mapping
from sync.mappings.mentee import MENTEE
from sync.mappings.mentor import MENTOR
from sync.mappings.prompt import PROMPT
from sync.mappings.saved import SAVED
from sync.mappings.session import SESSION
from sync.mappings.template import TEMPLATE

# People first: hours, sessions and saved mentors link to their records.
REGISTRY: tuple[Mapping, ...] = (MENTOR, MENTEE, WINDOW, SESSION, TEMPLATE, PROMPT, SAVED)
BY_SUBJECT: dict[str, Mapping] = {mapping.subject: mapping for mapping in REGISTRY}
BY_TABLE: dict[str, Mapping] = {mapping.table: mapping for mapping in REGISTRY}

__all__ = [
    "BY_SUBJECT",
    "BY_TABLE",
    "MENTEE",
    "MENTOR",
    "PROMPT",
    "REGISTRY",
    "SAVED",
    "SESSION",
    "TEMPLATE",
    "WINDOW",
    "Mapping",
]
