"""Other languages in a real browser: chosen in the footer, longer words, and writing from right to left."""

from __future__ import annotations

import pytest

from tests.journeys.looking import DESK, PHONE, ZOOMED, show, walking

pytestmark = [
    pytest.mark.slow,
    pytest.mark.crowd,
    pytest.mark.browser,
    pytest.mark.xdist_group("journeys"),
]

SPANISH = "footer button[value=es]"
ENGLISH = "footer button[value=en]"
OF_ALICE = (
    "/search/", "/search/?q=precios+para+hospitales", "/sessions/", "/waitlist/", "/saved/", "/profile/", "/settings/",
    "/settings/messages/", "/settings/privacy/", "/help/", "/welcome/",
)  # fmt: skip
OF_BOB = (
    "/sessions/", "/hours/", "/hours/weekly/add/", "/hours/dates/add/", "/hours/away/add/", "/profile/",
    "/settings/privacy/",
)  # fmt: skip
_TOO_WIDE = "return document.documentElement.scrollWidth - innerWidth"


def too_wide(walk, *, backwards=False):
    """What runs over the edge of a phone, and of the same at 400 %."""
    page = walk.page
    if backwards:
        page.chrome.execute_script("document.documentElement.dir = 'rtl'")
    for size in (PHONE, ZOOMED):
        show(page, size=size)
        if (more := page.chrome.execute_script(_TOO_WIDE)) > 0:
            yield f"{page.chrome.current_url} at {size[0]} px{' rtl' if backwards else ''}: {more} px too wide"


def test_a_stranger_chooses_spanish_and_stays_where_they_were(product):
    with walking(product, size=PHONE) as walk:
        walk.open("/mentors/")
        walk.page.press(SPANISH)
        assert walk.page.chrome.current_url.endswith("/mentors/")
        assert walk.page.find("html").get_attribute("lang") == "es"
        assert walk.page.find("h1").text == "Mentores"
        walk.look("/", "/accounts/login/", "/accounts/signup/")


@pytest.mark.parametrize(("who", "paths"), [("alice", OF_ALICE), ("bob", OF_BOB)])
def test_longer_words_and_writing_the_other_way_fit(product, who, paths):
    with walking(product, size=DESK) as walk:
        walk.sign_in(f"{who}@example.com")
        walk.open("/settings/")
        walk.page.press(SPANISH)
        try:
            for path in paths:
                walk.open(path)
                walk.faults += [*too_wide(walk), *too_wide(walk, backwards=True)]
                walk.page.chrome.execute_script("document.documentElement.dir = ''")
                show(walk.page, size=DESK)
        finally:
            walk.open("/settings/")
            walk.page.press(ENGLISH)
