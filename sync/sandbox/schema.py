"""The base that Office Hours expects, with its seven tables."""

from __future__ import annotations

from typing import Any

from sync.sandbox.ids import stable_id
from sync.sandbox.model import LINK, Field, Json, Table

BASE_ID = "appSandboxOffice1"
BASE_NAME = "Office Hours"
DEFAULT_TOKEN = "patSandbox.officehours"  # noqa: S105 - opens nothing but this sandbox

EXPERTISE = (
    "Fundraising", "Go-to-market", "Sales", "Marketing", "Product", "Engineering", "Data & AI",
    "Hiring", "Leadership", "Legal", "Finance", "Operations", "International", "Design", "Security",
    "Sustainability", "Health regulation", "Hardware",
)  # fmt: skip
INDUSTRIES = (
    "Fintech", "Health", "Climate", "Education", "Marketplace", "SaaS", "Consumer", "Deep tech",
    "Food", "Mobility", "Real estate", "Media", "Public sector", "Logistics",
)  # fmt: skip
STAGES = ("Idea", "Pre-seed", "Seed", "Series A", "Growth")
LANGUAGES = (
    "English", "Spanish", "French", "German", "Portuguese", "Arabic", "Hindi", "Mandarin",
    "Swahili", "Japanese", "Italian", "Dutch", "Polish", "Turkish",
)  # fmt: skip
STATUSES = ("Pending", "Booked", "Completed", "Cancelled", "No show")
VISIBILITIES = ("public", "limited", "private")
CHANNELS = ("email", "sms")

_COLORS = (
    "blueLight2", "cyanLight2", "tealLight2", "greenLight2", "yellowLight2", "orangeLight2",
    "redLight2", "pinkLight2", "purpleLight2", "grayLight2",
)  # fmt: skip

Spec = tuple[str, str, Any]

TEXT, LONG, NUMBER, MOMENT, CHECK = (
    "singleLineText", "multilineText", "number", "dateTime", "checkbox",
)  # fmt: skip
SELECT, SELECTS = "singleSelect", "multipleSelects"

# Name, type, and what the type needs: choices, precision, or (table, name of the field there).
TABLES: dict[str, list[Spec]] = {
    "Mentors": [
        ("Name", TEXT, None),
        ("Email", "email", None),
        ("Headline", TEXT, None),
        ("Bio", LONG, None),
        ("Company", TEXT, None),
        ("Title", TEXT, None),
        ("Expertise", SELECTS, EXPERTISE),
        ("Industries", SELECTS, INDUSTRIES),
        ("Stage Focus", SELECTS, STAGES),
        ("Languages", SELECTS, LANGUAGES),
        ("LinkedIn", "url", None),
        ("Photo URL", "url", None),
        ("Is Active", CHECK, None),
        ("Weekly Load Cap", NUMBER, 0),
        ("Visibility", SELECT, VISIBILITIES),
        ("Timezone", TEXT, None),
        ("Utilization", NUMBER, 2),
        ("Next Free Slot", MOMENT, None),
    ],
    "Mentees": [
        ("Name", TEXT, None),
        ("Email", "email", None),
        ("Company", TEXT, None),
        ("Stage", SELECT, STAGES),
        ("Industry", SELECT, INDUSTRIES),
        ("Goals", LONG, None),
        ("Timezone", TEXT, None),
        ("Is Active", CHECK, None),
    ],
    "Availability": [
        ("Platform ID", TEXT, None),
        ("Mentor", LINK, ("Mentors", "Office Hours Slots")),
        ("Starts", MOMENT, None),
        ("Ends", MOMENT, None),
        ("Location", TEXT, None),
        ("Max Slots", NUMBER, 0),
    ],
    "Sessions": [
        ("Platform ID", TEXT, None),
        ("Mentor", LINK, ("Mentors", "Sessions")),
        ("Mentee", LINK, ("Mentees", "Sessions")),
        ("Starts", MOMENT, None),
        ("Ends", MOMENT, None),
        ("Status", SELECT, STATUSES),
        ("Meeting URL", "url", None),
        ("Goal", LONG, None),
        ("Mentor Joined", CHECK, None),
        ("Mentee Joined", CHECK, None),
        ("Rating", "rating", 5),
    ],
    "Message Templates": [
        ("Template Name", TEXT, None),
        ("Channel Type", SELECT, CHANNELS),
        ("Subject", TEXT, None),
        ("Message Body", LONG, None),
        ("Active Status", CHECK, None),
    ],
    "Help Prompts": [
        ("Topic", TEXT, None),
        ("Category", TEXT, None),
        ("Default Response", LONG, None),
        ("Active Status", CHECK, None),
    ],
    "Saved Mentors": [
        ("Platform ID", TEXT, None),
        ("Mentee", LINK, ("Mentees", "Saved Mentors")),
        ("Mentor", LINK, ("Mentors", "Saved By")),
        ("Saved At", MOMENT, None),
    ],
}
OURS: list[Spec] = [
    ("Platform ID", TEXT, None),
    ("Last Synced", MOMENT, None),
    ("Sync Message", LONG, None),
]
# What every type carries in the schema when nothing else is said.
PLAIN_OPTIONS: dict[str, Json] = {
    "dateTime": {
        "timeZone": "utc",
        "dateFormat": {"name": "iso", "format": "YYYY-MM-DD"},
        "timeFormat": {"name": "24hour", "format": "HH:mm"},
    },
    "date": {"dateFormat": {"name": "iso", "format": "YYYY-MM-DD"}},
    "checkbox": {"icon": "check", "color": "greenBright"},
    "number": {"precision": 0},
    "currency": {"precision": 2, "symbol": "$"},
    "percent": {"precision": 0},
    "rating": {"icon": "star", "max": 5, "color": "yellowBright"},
    "duration": {"durationFormat": "h:mm"},
}


def select_options(names: tuple[str, ...], *where: str) -> Json:
    """Choices with stable ids."""
    return {
        "choices": [
            {"id": stable_id("sel", *where, name), "name": name, "color": _COLORS[index % 10]}
            for index, name in enumerate(names)
        ]
    }


def _link(name: str, table: str, linked: str, inverse_name: str, *, single: bool) -> Field:
    return Field(
        id=stable_id("fld", table, name),
        name=name,
        type=LINK,
        options={
            "linkedTableId": stable_id("tbl", linked),
            "isReversed": False,
            "prefersSingleRecordLink": single,
            "inverseLinkFieldId": stable_id("fld", linked, inverse_name),
        },
    )


def _field(table: str, spec: Spec) -> Field:
    name, kind, extra = spec
    options: Json = {}
    if kind == LINK:
        linked, inverse_name = extra
        return _link(name, table, linked, inverse_name, single=True)
    if kind in (SELECT, SELECTS):
        options = select_options(extra, table, name)
    elif kind in PLAIN_OPTIONS:
        options = dict(PLAIN_OPTIONS[kind])
        if extra is not None:
            options["max" if kind == "rating" else "precision"] = extra
    return Field(id=stable_id("fld", table, name), name=name, type=kind, options=options)


def default_tables() -> dict[str, Table]:
    """The default base, without rows, by table id."""
    tables: dict[str, Table] = {}
    for name, specs in TABLES.items():
        own = [*specs, *(spec for spec in OURS if spec not in specs)]
        table_id = stable_id("tbl", name)
        tables[table_id] = Table(
            id=table_id,
            name=name,
            view_id=stable_id("viw", name),
            fields=[_field(name, spec) for spec in own],
        )
    # A link is seen from both ends; the far end stands behind the table's own columns.
    for name, specs in TABLES.items():
        for column, kind, extra in specs:
            if kind == LINK:
                linked, inverse_name = extra
                inverse = _link(inverse_name, linked, name, column, single=False)
                tables[stable_id("tbl", linked)].fields.append(inverse)
    return tables
