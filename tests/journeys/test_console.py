"""A program manager's morning: what the console's first page answers, and where it leads."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.journeys.looking import DESK, PHONE, SERIOUS, show, walking
from tests.journeys.product import eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.crowd,
    pytest.mark.browser,
    pytest.mark.xdist_group("journeys"),
]
MENTORS = "/admin/mentors/mentor/"
ROW = "#result_list tbody a[href*='/change/']"


def follow(walk, css):
    """Where the first such link leads: the lists are wider than some screens."""
    walk.page.open(walk.page.find(css).get_attribute("href"))


@pytest.mark.parametrize(
    ("size", "scripts"),
    [(DESK, True), (PHONE, True), (PHONE, False)],
    ids=["desk", "phone", "phone without scripts"],
)
def test_a_manager_sees_what_is_needed_and_pauses_a_mentor(product, size, scripts):
    with walking(product, size=size, impacts=SERIOUS) as walk:
        off = {"value": not scripts}
        page = walk.page
        walk.sign_in("carol@example.com")
        page.chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", off)
        eventually(lambda: _has_figures(walk), within=90, what="The first figures")
        for question in ("What needs you today", "Are we using our mentors?", "Are matches good?",
                         "Sessions this week", "Is Airtable in step?"):  # fmt: skip
            assert question in page.text
        follow(walk, ".need[href*='needs=unused']")
        assert page.all(ROW)
        assert page.find(".chip[aria-current]").text == "Never booked in 28 days"
        walk.open(f"{MENTORS}?q=Lorna")
        name = page.find(f"{ROW} .cell-main").text
        page.click(".action-select")
        page.find("select[name=action] option[value=pause]").click()
        page.press("button[name=index], .actions button[type=submit]")
        assert "can be booked no more" in page.text
        assert name in page.text
        assert "Nothing has happened yet." in page.text
        page.press(".bulk-foot a")  # thought better of it
        assert page.find("input[name=q]")
        walk.open("/admin/find/?q=alice@example.com")
        assert page.all(".found-kind a")


def _has_figures(walk):
    walk.open("/admin/")
    return walk.page.all(".tile-use .figure")


def test_find_by_keyboard_and_a_preview_that_follows(product):
    with walking(product, impacts=SERIOUS) as walk:
        page = walk.page
        walk.sign_in("carol@example.com")
        walk.open("/admin/")
        keys = lambda *what: ActionChains(page.chrome).send_keys(*what).perform()  # noqa: E731
        control_k = ActionChains(page.chrome).key_down(Keys.CONTROL).send_keys("k")
        control_k.key_up(Keys.CONTROL).perform()
        assert page.chrome.switch_to.active_element.get_attribute("id") == "find"
        keys("calend")
        eventually(lambda: page.all("#found a"), within=10, what="What was found")
        keys(Keys.ARROW_DOWN, Keys.ENTER)
        eventually(lambda: page.all(".week-days"), within=10, what="The calendar")
        first = page.find(".week .page-title").text
        keys(Keys.ARROW_RIGHT)
        eventually(
            lambda: page.find(".week .page-title").text != first, within=10, what="The week after"
        )
        walk.open("/admin/content/messagetemplate/add/?name=Session%20booked")
        field = page.find("#id_body")
        page.chrome.execute_script("arguments[0].scrollIntoView({block: 'center'})", field)
        field.send_keys("\nBring a pen.")
        frame = "iframe[name=message-preview]"
        eventually(
            lambda: "Bring a pen." in (page.find(frame).get_attribute("srcdoc") or ""),
            within=10,
            what="The preview of what is typed",
        )
        assert page.find(frame).get_attribute("sandbox") == ""


def test_everybody_can_use_the_console(product):
    """axe finds nothing serious, by day and by night; the console is silent; nothing leaves the host."""
    with walking(product, impacts=SERIOUS) as walk:
        walk.sign_in("carol@example.com")
        eventually(lambda: _has_figures(walk), within=90, what="The first figures")
        walk.look(
            "/admin/", "/admin/everything/", "/admin/find/?q=bob", "/admin/find/?q=zeppelin",
            MENTORS, f"{MENTORS}?needs=unused", "/admin/sessions_app/session/",
            "/admin/sessions_app/session/week/", "/admin/sessions_app/session/week/?mentor=zeppelin",
            "/admin/content/messagetemplate/add/?name=Session%20booked",
            "/admin/content/helpprompt/", "/admin/matching/matchpolicy/",
            "/admin/matching/mentorembedding/", "/admin/django_celery_beat/periodictask/",
            "/admin/accounts/user/", "/admin/analytics/refresh/figures/",
            "/admin/sync/syncevent/glance/", "/admin/sync/rolloutflag/",
        )  # fmt: skip
        for path in (MENTORS, "/admin/sessions_app/session/", "/admin/matching/matchpolicy/"):
            walk.open(path)
            follow(walk, ROW)
            walk.look()
        show(walk.page, size=DESK)
        walk.open(MENTORS)
        walk.page.click("#action-toggle")
        walk.page.find("select[name=action] option[value=cap]").click()
        walk.page.press("button[name=index], .actions button[type=submit]")
        walk.look()
        walk.page.type("#id_weekly_load_cap", "3")
        walk.look_after(lambda: walk.page.press("button[value=look]"))
