"""Small worlds of mentors for the matching tests."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from matching import services
from mentors.models import Expertise, Mentor
from sessions_app.services.openings import refresh_openings
from tests.factories import MentorFactory, UserFactory
from tests.hours import open_window

ROUND = "we are raising our first institutional round and need help with investor intros"

PROFILES: list[dict[str, Any]] = [
    {
        "name": "Ada Investor",
        "headline": "Former seed investor, now coaching founders through their first round",
        "bio": "I spent nine years as a partner at a seed fund. Bring me your list of funds and we "
        "will cut it. I make investor introductions only when I would invest myself.",
        "areas": [
            ("Fundraising", "First institutional round", 5),
            ("Fundraising", "Investor introductions", 4),
        ],
        "industries": ["Fintech"],
        "stages": ["Pre-seed", "Seed"],
        "languages": ["English", "Spanish"],
    },
    {
        "name": "Ben Angel",
        "headline": "Angel investor who helps founders raise venture capital",
        "bio": "I have backed forty companies at seed stage. We can rehearse the pitch and plan which "
        "venture funds to approach, and when.",
        "areas": [("Fundraising", "", 4)],
        "industries": ["SaaS"],
        "stages": ["Seed"],
        "languages": ["English"],
    },
    {
        "name": "Cleo Recruiter",
        "headline": "Hires the first ten engineers",
        "bio": "I was head of talent at two startups. I can help you write job descriptions and run "
        "interviews that people do not hate.",
        "areas": [("Hiring", "Engineering hiring", 5)],
        "industries": ["SaaS"],
        "stages": ["Seed", "Series A"],
        "languages": ["English", "German"],
    },
    {
        "name": "Dev Operator",
        "headline": "Warehouses, lorries and the people who run them",
        "bio": "Fifteen years in logistics. I know how to choose a warehouse and how to leave one.",
        "areas": [("Operations", "Logistics", 4)],
        "industries": ["Logistics"],
        "stages": ["Growth"],
        "languages": ["English"],
    },
    {
        "name": "Eva Lawyer",
        "headline": "Contracts, trademarks and employment law for small companies",
        "bio": "I am a lawyer in Lisbon. I read your contracts and tell you which clause will hurt.",
        "areas": [("Legal", "Contracts", 5)],
        "industries": ["Consumer"],
        "stages": ["Idea", "Seed"],
        "languages": ["English", "Portuguese"],
    },
]


def mentor(*, hours: bool = True, **values: Any) -> Mentor:
    """A mentor, by default with two free hours in three days. Not indexed yet."""
    areas = values.pop("areas", [])
    name = values.pop("name", "Some Mentor")
    made: Mentor = MentorFactory.create(user=UserFactory(role="mentor", name=name), **values)
    for area, sub_area, weight in areas:
        Expertise.objects.create(mentor=made, area=area, sub_area=sub_area, weight=weight)
    if hours:
        open_window(made)
    return made


def index() -> None:
    """What the workers do within seconds: openings, words and vectors."""
    refresh_openings(now=timezone.now())
    while not services.embed_stale(limit=100, now=timezone.now()).is_finished:
        pass


def market() -> dict[str, Mentor]:
    """The five mentors above, all with free hours and indexed, by first name."""
    made = {str(profile["name"]).split()[0].lower(): mentor(**profile) for profile in PROFILES}
    index()
    return made
