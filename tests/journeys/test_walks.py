"""What people come for, as they do it: on a phone and at a desk, with and without scripts, by keyboard alone.

How long a person would take is reckoned by the keystroke-level model (Card, Moran and Newell 1980): 0.28 s a
key for an average typist, 1.1 s to point, 0.2 s to press, 1.35 s to think before each act; reading a list of
people, and a mentor's page, is given five seconds each. To that comes what the machine took.
"""

from __future__ import annotations

import time
from contextlib import contextmanager

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.journeys.looking import DESK, LAID_OUT, PASSWORD, PHONE, ZOOMED, walking
from tests.journeys.product import eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.crowd,
    pytest.mark.browser,
    pytest.mark.xdist_group("journeys"),
]

KEY, POINT, PRESS, THINK, READ = 0.28, 1.1, 0.2, 1.35, 5.0
QUESTION = "How do I price our product for hospitals?"
STILL = 0.02  # of the screen may move by itself while a page comes up; 0.1 is held to be good


class Person:
    """Someone at the page, with a clock that counts what their hands and eyes would take."""

    def __init__(self, walk):
        self.walk, self.page = walk, walk.page
        self.seconds = 0.0

    def press(self, css):
        self.seconds += THINK + POINT + PRESS
        begin = time.monotonic()
        self.page.press(css)
        self.seconds += time.monotonic() - begin

    def choose(self, css):
        self.seconds += THINK + POINT + PRESS
        self.page.click(css)

    def write(self, css, text):
        self.seconds += THINK + POINT + PRESS + KEY * len(text)
        self.page.type(css, text)

    def read(self):
        self.seconds += READ


@pytest.fixture(
    params=[(DESK, True), (PHONE, True), (PHONE, False)],
    ids=["desk", "phone", "phone without scripts"],
)
def way(request):
    return request.param


@contextmanager
def person_on(product, way):
    size, scripts = way
    with walking(product, size=size) as walk:
        off = {"value": not scripts}
        walk.page.chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", off)
        yield Person(walk)


def sign_in(person, email):
    """Where the page asks for it, on the way to where they were going."""
    person.write("#id_login", email)
    person.write("#id_password", PASSWORD)
    person.press("form:has(#id_password) .btn-primary")


def test_a_newcomer_to_the_pages_books_in_under_a_minute(product, way):
    with person_on(product, way) as person:
        page = person.page
        person.walk.open("/")
        person.write("#hero-q", QUESTION)
        person.press(".hero-form .btn-primary")
        # One press signs in at the demo, as a password manager does elsewhere.
        person.press("form:has([value='alice@example.com']) button")
        assert QUESTION in page.find("textarea[name=q]").get_attribute("value")
        person.read()
        name = page.find(".person h2").text
        person.press(".person .slot")
        assert page.find("h1").text == name
        assert page.find("#book-form textarea").get_attribute("value") == QUESTION
        person.read()
        person.press("#book-form .btn-primary")
        assert name in page.find("h1").text
        assert "/sessions/" in page.chrome.current_url
        for calendar in ("calendar.google.com", "outlook.live.com", "calendar.ics"):
            assert page.all(f"a[href*='{calendar}']"), calendar
        assert person.seconds < 60, f"{person.seconds:.0f} s"
        # What was booked is called off again: the next to walk finds the same mentors free.
        page.press("a[href$='/cancel/']")
        page.press("main form .btn-danger")
        assert "cancelled" in page.find("h1").text


def test_a_mentor_prepares_opens_hours_and_pauses(product, way):
    with person_on(product, way) as person:
        page = person.page
        person.walk.open("/sessions/")
        sign_in(person, "bob@example.com")
        assert page.find("h1").text == "Who is coming"
        person.press(".rows .row-title a")
        page.type("textarea[name=notes]", "Ask for the cap table")
        person.press("form[action$='/notes/'] button")
        assert "Your notes are saved" in page.find("#notices").text
        person.walk.open("/hours/")
        before = len(page.all("form[action*='/hours/weekly/']"))
        person.press("a[href$='/weekly/add/']")
        page.chrome.execute_script(
            "const set = (id, value) => { document.getElementById(id).value = value; };"
            "set('id_weekday', '5'); set('id_starts', '10:00'); set('id_ends', '12:00');"
        )
        person.press("button[name=preview]")
        assert "Not saved yet" in page.find("#preview").text
        person.press("main form .btn-primary")
        assert len(page.all("form[action*='/hours/weekly/']")) == before + 1
        page.press("form[action*='/hours/weekly/'] button[aria-label*='Saturday']")
        assert "Removed." in page.find("#notices").text
        person.press("#notices form button")
        assert len(page.all("form[action*='/hours/weekly/']")) == before + 1, "Undone."
        page.press("form[action*='/hours/weekly/'] button[aria-label*='Saturday']")
        person.walk.open("/sessions/")
        person.press("form[action$='/pause/'] button")
        assert "Paused" in page.find(".panel").text
        person.press("form[action$='/resume/'] button")
        assert page.all("form[action$='/pause/']")


def test_a_founder_joins_and_says_what_they_need_in_under_a_minute(product):
    with person_on(product, (PHONE, True)) as person:
        page, email = person.page, f"founder{time.time_ns()}@example.com"
        person.walk.open("/")
        page.chrome.get(f"{product.url}/accounts/signup/")
        page.type("#id_email", email)
        page.type("#id_name", "Fiona Founder")
        page.type("#id_password1", "a long way to lisbon")
        assert page.find("#id_time_zone").get_attribute("value") not in ("", "UTC") or (
            page.chrome.execute_script("return Intl.DateTimeFormat().resolvedOptions().timeZone")
            == "UTC"
        )
        page.press("main form .btn-primary")
        code, _seconds = eventually(lambda: _code(product, email), within=30, what="The code")
        page.type("main input[name=code]", code)
        page.press("main form .btn-primary")
        assert "What brings you here?" in page.find("h1").text

        person.seconds = 0
        person.write("#id_goals", "Find our first ten customers in hospitals")
        person.choose("label[for=id_stage_2]")
        person.seconds += 2 * (THINK + POINT + PRESS)  # the industry, from a list
        page.find("#id_industry option[value=Health]").click()
        person.press("main form .btn-primary")
        assert page.all(".person"), "Straight to who can help."
        assert person.seconds < 60, f"{person.seconds:.0f} s"
        person.walk.open("/")
        assert page.chrome.current_url.endswith("/search/"), "Asked once."


def _code(product, email):
    for path in sorted((product.var_dir / "mail").glob("*.eml")):
        text = path.read_text(errors="replace")
        if email in text:
            return next(
                (line.strip() for line in text.splitlines() if _is_code(line.strip())), None
            )
    return None


def _is_code(line):
    return 4 <= len(line) <= 12 and line.replace("-", "").isalnum() and line.upper() == line


def test_a_heart_is_pressed_and_pressed_again(product, way):
    _size, scripts = way
    with person_on(product, way) as person:
        page = person.page
        person.walk.open(f"/search/?q={QUESTION.replace(' ', '+')}")
        sign_in(person, "alice@example.com")
        heart = f"#{page.find('.person .save').get_attribute('id')}"
        before = page.find(heart).get_attribute("aria-pressed")
        for pressed in ("false" if before == "true" else "true", before):
            (page.click if scripts else page.press)(heart)
            eventually(
                # Looked for in one step: the old heart may go between being found and being asked.
                lambda pressed=pressed: page.all(f'{heart}[aria-pressed="{pressed}"]'),
                within=10,
                what="The heart as it was pressed",
            )
            assert "/search/?q=" in page.chrome.current_url


def test_by_keyboard_alone(product):
    """From the question to the booked hour without a mouse; the focus is always seen, never lost."""
    with walking(product) as walk:
        page = walk.page
        walk.sign_in("alice@example.com")
        walk.open("/search/")
        keys = lambda *what: ActionChains(page.chrome).send_keys(*what).perform()  # noqa: E731
        keys(Keys.TAB)  # into the page; the question has the focus by itself
        walk.open("/search/")
        assert _focused(page).get_attribute("name") == "q"
        keys(QUESTION, Keys.TAB, Keys.ENTER)
        eventually(lambda: page.all(".person"), within=15, what="The list")
        _tab_to(page, ".person .slot")
        keys(Keys.ENTER)
        eventually(lambda: page.all("#book-form"), within=15, what="The mentor's page")
        page.open(page.chrome.current_url.partition("#")[0])  # from the top, not from the panel
        chosen = page.find("[name=start]:checked").get_attribute("value")
        # One tab stop for all the times of all days; arrows move among them.
        _tab_to(page, "[name=start]:checked")
        keys(Keys.ARROW_RIGHT)
        assert _focused(page).get_attribute("value") != chosen
        assert _focused(page).is_selected()
        assert page.find("[data-chosen-when]").text
        keys(Keys.ARROW_LEFT)
        assert _focused(page).get_attribute("value") == chosen
        _tab_to(page, "#book-form .btn-primary")
        keys(Keys.ENTER)
        eventually(lambda: "/sessions/" in page.chrome.current_url, within=15, what="The session")
        assert "You meet" in page.find("h1").text
        page.open(
            page.chrome.current_url
        )  # the first stop of a fresh page is the way past its header
        keys(Keys.TAB)
        assert _focused(page).get_attribute("class") == "skip"
        _tab_to(page, "a[href$='/cancel/']")
        keys(Keys.ENTER)
        eventually(lambda: page.all("main .btn-danger"), within=15, what="The question")
        _tab_to(page, "main .btn-danger")
        keys(Keys.ENTER)
        eventually(lambda: page.all("main .state-cancelled"), within=15, what="Cancelled")


def _focused(page):
    return page.chrome.switch_to.active_element


def _tab_to(page, css, most=80):
    """Tab until something like that has the focus; on the way it is never on nothing, and always seen."""
    look = """
    const at = document.activeElement, css = arguments[0];
    const box = at.getBoundingClientRect(), style = getComputedStyle(at);
    const ring = (one) => one && getComputedStyle(one).outlineStyle !== "none" && parseFloat(getComputedStyle(one).outlineWidth) > 0;
    const seen = ring(at) || ring(at.closest(".slot, .pill, .ask-box, form"));
    return {there: at.matches(css), body: at === document.body, seen, what: at.outerHTML.slice(0, 120)};
    """
    for _ in range(most):
        ActionChains(page.chrome).send_keys(Keys.TAB).perform()
        found = page.chrome.execute_script(look, css)
        assert not found["body"], "The focus fell off the page."
        assert found["seen"], f"No ring around {found['what']}"
        if found["there"]:
            return
    raise AssertionError(f"{css} is not reached by Tab")


def _moved(walk, path):
    walk.page.chrome.execute_cdp_cmd("Network.clearBrowserCache", {})
    walk.open(path)
    return walk.shift()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_moves_by_itself_while_a_page_comes_up(product, size):
    with walking(product, size=size) as walk:
        moved = {}

        def look(*paths):
            for path in paths:
                # What moved for want of time on a busy machine does not move again.
                moved[path] = min(_moved(walk, path) for _look in range(2))

        look("/", "/accounts/login/", "/mentors/")
        walk.sign_in("alice@example.com")
        look(
            "/search/",
            f"/search/?q={QUESTION.replace(' ', '+')}",
            "/sessions/",
            "/saved/",
            "/help/",
        )
        walk.open("/saved/")
        mentor = walk.page.find(".person h2 a").get_attribute("href").removeprefix(product.url)
        look(mentor)
        assert {path: shift for path, shift in moved.items() if shift > STILL} == {}


def test_the_far_end_of_a_list_follows_the_theme_and_the_width(product):
    look = """return [...document.querySelectorAll(".people > li")].map((card) =>
      [getComputedStyle(card.querySelector("h2 a")).color, Math.round(card.querySelector(".times").getBoundingClientRect().width)].join())"""
    with walking(product) as walk:
        ask = walk.page.chrome.execute_script
        walk.sign_in("alice@example.com")
        walk.open(f"/search/?q={QUESTION.replace(' ', '+')}")
        eventually(lambda: ask(LAID_OUT), within=20, what="The whole list, laid out,")
        seen = []
        for size, dark in ((DESK, False), (ZOOMED, True), (DESK, True), (ZOOMED, False)):
            walk.show(size, dark=dark)
            cards = ask(look)
            assert len(cards) > 6, "The end of the list is out of view."
            assert len(set(cards)) == 1, cards
            seen.append(cards[0])
        assert len(set(seen)) == 4, "Each looks otherwise."


def _media(page, **features):
    named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
    page.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": named})


def test_a_chosen_time_is_told_apart_in_forced_colours(product):
    with walking(product) as walk:
        page = walk.page
        walk.sign_in("alice@example.com")
        walk.open(f"/search/?q={QUESTION.replace(' ', '+')}")
        page.press(".person .slot")
        _media(page, forced_colors="active")
        ground = "return getComputedStyle(document.querySelector(arguments[0])).backgroundColor"
        chosen = page.chrome.execute_script(ground, ".days .slot:has(input:checked)")
        other = page.chrome.execute_script(ground, ".days .slot:not(:has(input:checked))")
        assert chosen != other


def test_nothing_moves_for_those_who_want_it_still(product):
    with walking(product) as walk:
        page = walk.page
        _media(page, prefers_reduced_motion="reduce")
        walk.open("/style/")
        moving = """return document.getAnimations().filter((one) => one.playState === "running").length"""
        # What would turn for ever is over within a frame.
        eventually(lambda: page.chrome.execute_script(moving) == 0, within=5, what="Stillness")
        _media(page, prefers_reduced_motion="no-preference")
        assert page.chrome.execute_script(moving) > 0, "There is something to keep still."


def test_a_session_on_paper_is_what_one_brings_along(product):
    with walking(product) as walk:
        page = walk.page
        walk.sign_in("bob@example.com")
        page.press(".rows .row-title a")
        page.type("textarea[name=notes]", "Bring the term sheet")
        page.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        shown = lambda css: any(one.is_displayed() for one in page.all(css))  # noqa: E731
        for css in ("h1", ".facts", ".goal", "textarea[name=notes]"):
            assert shown(css), css
        for css in (".btn", ".nav", ".menu", ".foot", ".panel", ".skip:focus"):
            assert not shown(css), css
