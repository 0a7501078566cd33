"""Every page in every state, by day and by night, wide and narrow: axe-core finds nothing, the console is
silent, nothing is asked of another host, and at 400 % nothing runs over the edge.
"""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys

from tests.journeys.looking import DESK, walking
from tests.journeys.product import eventually
from tests.journeys.test_by_api import QUERY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.crowd,  # every page in every state takes minutes
    pytest.mark.browser,
    pytest.mark.xdist_group("journeys"),
]
RESULTS = f"/search/?q={QUERY.replace(' ', '+')}"


@pytest.fixture(scope="module")
def states(product):
    """The addresses of the states that a walk would not come by on its own."""
    return product.arranged()


@pytest.mark.usefixtures("states")
def test_of_strangers(product):
    with walking(product) as walk:
        walk.look(
            "/", "/accounts/login/", "/accounts/signup/", "/accounts/login/code/",
            "/accounts/password/reset/", "/mentors/", "/mentors/?language=Welsh", "/nothing/",
            "/style/", "/accounts/logout/",
        )  # fmt: skip
        walk.open("/mentors/")
        walk.look_after(lambda: walk.page.press(".person h2 a"))
        walk.open("/accounts/signup/")
        for name, value in (("email", "x@example.com"), ("name", "X"), ("password1", "12345678")):
            walk.page.type(f"#id_{name}", value)
        walk.look_after(lambda: walk.page.press("main form .btn-primary"))  # a password of digits
        walk.open("/accounts/login/code/")
        walk.page.type("main input[type=email]", "alice@example.com")
        walk.look_after(lambda: walk.page.press("main .btn-primary"))


def test_of_mentees(product, states):
    with walking(product) as walk:
        walk.sign_in("alice@example.com")
        walk.look(
            "/search/", RESULTS, "/search/?q=help&stage=Seed&language=Welsh", "/sessions/",
            "/sessions/?show=past", "/waitlist/", "/saved/", "/profile/", "/welcome/", "/help/",
            "/help/?q=cancel", "/help/?q=zeppelin", "/settings/", "/settings/messages/",
            "/settings/privacy/", "/accounts/email/", "/accounts/password/change/", "/nothing/",
        )  # fmt: skip
        walk.look(*states.values())
        walk.open(states["gone"])  # and not where the address leads, far below on a phone
        eventually(
            lambda: _is_at(walk, "alert-warning"), within=5, what="The focus on what is said"
        )
        walk.open(states["in line"])
        walk.look_after(lambda: walk.page.press("a[href$='/leave/']"))
        walk.open(states["pending"])
        walk.look_after(lambda: walk.page.press("a[href$='/cancel/']"))
        walk.open(states["group"])
        walk.look_after(lambda: walk.page.press("a[href$='/move/']"))
        walk.look_after(lambda: walk.page.press("#move-form .btn-primary"))  # no time chosen
        eventually(lambda: _mail(walk), within=30, what="A mail")
        walk.look()
        _refused(walk)
        _not_relevant(walk)
        walk.sign_in("nobody@example.com")  # of whom there is nothing to show yet
        walk.look("/search/", "/sessions/", "/sessions/?show=past", "/waitlist/", "/saved/")


def _is_at(walk, css_class):
    focused = walk.page.chrome.switch_to.active_element
    return css_class in (focused.get_attribute("class") or "")


@pytest.mark.usefixtures("states")
def test_of_mentors(product):
    with walking(product) as walk:
        walk.sign_in("bob@example.com")
        walk.look(
            "/sessions/", "/sessions/?show=past", "/hours/", "/hours/weekly/add/",
            "/hours/dates/add/", "/hours/away/add/", "/hours/zone/", "/profile/",
            "/settings/privacy/", "/help/",
        )  # fmt: skip
        walk.open("/hours/weekly/add/")
        walk.look_after(lambda: walk.page.press("main form .btn-primary"))  # nothing filled in
        walk.open("/sessions/")
        walk.look_after(lambda: walk.page.press("form[action$='/pause/'] button"))
        walk.page.press("form[action$='/resume/'] button")
        walk.open("/hours/")
        walk.look_after(lambda: walk.page.press("li:last-child form[action$='/remove/'] button"))
        walk.page.press("#notices form button")  # and back
        walk.sign_in("dora@example.com")  # somebody has booked where there are no hours any more
        walk.look("/sessions/", "/hours/")


def _mail(walk):
    walk.open("/dev/mail/")
    mails = walk.page.all("main .rows a")
    if mails:
        walk.look()
        walk.page.press("main .rows a")
    return bool(mails)


def _refused(walk):
    """A booking without a time: the error says so, and has the focus."""
    walk.open(RESULTS)
    walk.look_after(lambda: walk.page.press(".person h2 a"))
    walk.show(DESK)
    walk.look_after(lambda: walk.page.press("#book-form .btn-primary"))
    assert "alert" in walk.page.chrome.switch_to.active_element.get_attribute("class")


def _not_relevant(walk):
    """By keyboard: a mentor is left out, the focus is on what came in their place, and it is undone."""
    page = walk.page
    walk.open(RESULTS)
    walk.show(DESK)
    first = page.find(".person h2").text
    page.find(".doubt").send_keys(Keys.ENTER)
    page.find(".doubt[open]")
    assert page.chrome.switch_to.active_element.tag_name == "summary"
    walk.look()
    page.find(".doubt[open] select").send_keys("Wrong s")
    page.find(".doubt[open] input[name=words]").send_keys("Too late for us", Keys.ENTER)
    eventually(lambda: page.all(".person-gone"), within=10, what="A line in their place")
    gone = page.chrome.switch_to.active_element
    assert f"{first} is left out for this question" in gone.text
    walk.look()
    walk.show(DESK)
    gone.find_element("tag name", "button").send_keys(Keys.ENTER)
    eventually(lambda: not page.all(".person-gone"), within=10, what="The list again")
    assert page.find(".person h2").text == first
    walk.look()


def test_a_fault_would_be_found(product):
    """A walk that finds nothing proves little without one that does."""
    plant = """
    document.querySelector("main").insertAdjacentHTML("beforeend",
      '<img src="/static/img/favicon.svg"><p id="wide">Hardly to be read</p>');
    Object.assign(document.getElementById("wide").style, {width: "2000px", color: "#aaa"});
    document.querySelector("h1").remove();
    fetch("https://elsewhere.example.com/").catch(() => 0);
    """

    def walk_by():
        with walking(product) as walk:
            walk.open("/")
            walk.page.chrome.execute_script(plant)
            walk.look()

    with pytest.raises(AssertionError) as found:
        walk_by()
    said = str(found.value)
    for fault in (
        "image-alt",
        "color-contrast",
        "page-has-heading-one",
        "px wider than a screen of 320",
    ):
        assert fault in said, said
    assert "Connecting to 'https://elsewhere.example.com/' violates" in said
