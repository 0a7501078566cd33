"""What speaks against a mentor who fits is said beside the reasons, where both profiles say so."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from matching.gaps import gap, telling_gaps
from mentors.models import Mentee, Mentor
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


def test_what_is_true_of_most_of_a_list_is_not_said_of_anybody():
    mentee = Mentee(industry="Fintech")
    health = [Mentor(industries=["Health"]) for _ in range(3)]
    fintech = [Mentor(industries=["Fintech"]) for _ in range(2)]
    assert telling_gaps([*health, *fintech], mentee) == {}
    assert list(telling_gaps([*health[:2], *fintech], mentee)) == [health[0].pk, health[1].pk]
    assert telling_gaps([], mentee) == {}


@pytest.mark.django_db
def test_the_list_says_it_beside_the_reasons():
    people = market()
    Mentor.objects.update(industries=["Fintech"], stages=["Seed"])
    Mentor.objects.filter(pk=people["ada"].pk).update(industries=["Health"])
    page = browser(alice(industry="Fintech")).get("/search/", {"q": ROUND}).content.decode()
    assert page.count("Does not name Fintech, your industry") == 1
    assert page.index(str(people["ada"].user)) < page.index("Does not name Fintech")


@pytest.mark.django_db
def test_the_next_free_time_is_no_reason_where_it_stands_beside():
    market()
    page = browser(alice()).get("/search/", {"q": ROUND})
    shown = [match for match in page.context["answer"].matches if match.slots]
    assert any(reason.code == "next_slot" for match in shown for reason in match.reasons)
    assert "your time</span>" not in page.content.decode()
