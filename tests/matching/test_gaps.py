"""What speaks against a mentor who fits is said beside the reasons, where both profiles say so."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from matching.gaps import gap
from mentors.models import Mentor
from tests.matching.worlds import ROUND, market
from tests.people import alice, browser


def between(industries=(), stages=(), industry="", stage=""):
    return gap(
        SimpleNamespace(industries=industries, stages=stages),
        SimpleNamespace(industry=industry, stage=stage),
    )


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"industries": ["Health"], "industry": "Fintech"}, "Does not name Fintech, your industry"),
        ({"industries": ["fintech"], "industry": "Fintech"}, ""),
        ({"industries": [], "industry": "Fintech"}, ""),
        ({"industries": ["Health"]}, ""),
        (
            {"stages": ["Idea", "Seed"], "stage": "Growth"},
            "Helps at Idea, Seed rather than at Growth, where you are",
        ),
        (
            {"industries": ["X"], "stages": ["Y"], "industry": "A", "stage": "B"},
            "Does not name A, your industry",
        ),
    ],
)
def test_one_gap_where_both_profiles_speak(given_, says):
    assert between(**given_) == says


@pytest.mark.django_db
def test_the_list_says_it_beside_the_reasons():
    market()
    Mentor.objects.update(industries=["Health"])
    mentee = alice(industry="Fintech")
    page = browser(mentee).get("/search/", {"q": ROUND}).content.decode()
    assert page.count("Does not name Fintech, your industry") == page.count('class="person"') > 0
    Mentor.objects.update(industries=["Fintech"], stages=["Seed"])
    page = browser(mentee).get("/search/", {"q": ROUND}).content.decode()
    assert "Against it:" not in page
