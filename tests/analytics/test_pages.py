"""The figures in the console, as Carol reads them."""

from __future__ import annotations

import html
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from analytics import services, tasks
from analytics.models import Refresh
from tests import people
from tests.analytics.program import asked, rated, refreshed, session, window
from tests.config.console import console, messages_of
from tests.factories import MenteeFactory, MentorFactory

pytestmark = pytest.mark.django_db
PAGE = "/admin/analytics/refresh/figures/"


@pytest.fixture
def world():
    bob, alice = people.bob(areas=["Sales"]), people.alice()
    for days in (3, 10, 40, 70):
        window(bob.mentor, days)
        rated(session(bob.mentor, alice.mentee, days), 5)
        asked(alice.mentee, days, bob.mentor, opened=True)
    return bob.mentor


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_before_the_first_night_the_page_says_so_and_offers_to_compute(world):
    browser = console(people.carol())
    page = browser.get(PAGE)
    assert "Nothing has been computed yet" in text_of(page)
    answer = browser.post(f"{PAGE}compute/", follow=True)
    assert any("are being computed" in sentence for sentence in messages_of(answer))
    assert answer["Refresh"] == "5"
    assert "Compute now" not in text_of(answer)
    tasks.refresh()
    page = browser.get(PAGE)
    assert "Refresh" not in page
    assert Refresh.objects.get().asked_by == User.objects.get(role="pm")
    assert "As of" in text_of(page)


def test_each_measure_with_its_target_and_whether_it_is_met(world):
    refreshed()
    page = text_of(console(people.carol()).get(PAGE))
    assert re.search(
        r"Mentors in use 100 % On target Target: at least 90 %\. .*?Counted: 1 mentors\.", page
    )
    assert re.search(r"Session rating 5\.0 On target", page)
    assert re.search(r"Growth in bookings - Target: at least 30 %\. Too little has happened", page)
    assert "Sales 1 1" in page


def test_each_chart_has_a_name_a_sentence_and_a_table(world):
    refreshed()
    page = console(people.carol()).get(PAGE).content.decode()
    charts = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert len(charts) == 9
    for chart in charts:
        assert re.search(r'aria-labelledby="chart-\w+"', chart)
        if "Nothing to show yet." not in chart:
            assert re.search(r'<svg[^>]+role="img" aria-label="[^"]+: [^"]+"', chart)
            assert chart.count('<th scope="row"') >= 1
    assert "<script" not in "".join(charts)


def test_the_page_asks_as_often_for_many_as_for_few(world):
    refreshed()
    browser = console(people.carol())
    browser.get(PAGE)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            browser.get(PAGE)
        counts.append(len(queries))
        for number in range(5):
            mentor = MentorFactory(areas=[f"Area {number}"])
            window(mentor, 4)
            session(mentor, MenteeFactory(), 4)
        refreshed()
    assert counts[0] == counts[1] <= 15


def test_mentors_by_how_booked_they_are(world):
    idle, away = MentorFactory(user__name="Idle One"), MentorFactory(user__name="Away One")
    window(idle, 4)
    refreshed()
    refreshed()
    browser = console(people.carol())
    path = "/admin/analytics/mentorfigures/"
    assert "3 mentors' figures" in html.unescape(text_of(browser.get(path)))
    unused = text_of(browser.get(f"{path}?use=none"))
    assert "Idle One" in unused
    assert "Bob Mentor" not in unused
    assert "Away One" in text_of(browser.get(f"{path}?use=away"))
    assert browser.get(f"{path}?q=Away").status_code == 200
    assert away.pk


def test_refreshes_are_listed(world):
    services.order(by=people.carol(), now=timezone.now())
    page = text_of(console(User.objects.get(role="pm")).get("/admin/analytics/refresh/"))
    assert "Waiting" in page
    assert "Carol Manager" in page


def test_a_file_of_days_of_hers_including_the_last(world):
    browser = console(people.carol(time_zone="Pacific/Auckland"))

    def rows(**query):
        answer = browser.get(f"{PAGE}export/", query)
        return b"".join(answer.streaming_content).decode().count("\n") - 1

    assert rows(dataset="sessions") == 4
    # Noon UTC of the 24th is the 25th in Auckland.
    assert rows(dataset="sessions", **{"from": "2026-11-25", "to": "2026-11-25"}) == 1
    assert rows(dataset="sessions", **{"from": "2026-11-26"}) == 0
    assert browser.get(f"{PAGE}export/", {"dataset": "users"}).status_code == 404
    answer = browser.get(f"{PAGE}export/", {"dataset": "sessions", "from": "soon"}, follow=True)
    assert "Write a day like 2026-03-01." in messages_of(answer)


def test_who_may_not_see_may_not_compute_or_take_away(world):
    carol = people.carol()
    carol.groups.clear()
    browser = console(carol)
    assert browser.get(PAGE).status_code == 403
    assert browser.post(f"{PAGE}compute/").status_code == 403
    assert browser.get(f"{PAGE}export/?dataset=sessions").status_code == 403
    assert browser.get(f"{PAGE}compute/").status_code == 405
    assert not Refresh.objects.exists()
