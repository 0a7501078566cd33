"""Pictures of every page, on a desktop and a phone, in light and dark: `script/screens`.

They are for looking at, not for comparing: nothing here passes or fails. They land in var/screens/, named
by page, width and theme.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from selenium.webdriver.support.ui import WebDriverWait

from tests.browser import Page, chromium
from tests.journeys.looking import PAINTED
from tests.journeys.product import ROOT, running

OUTPUT: Final = ROOT / "var" / "screens"
PASSWORD: Final = "officehours-demo"
WIDTHS: Final = (1280, 390)
HEIGHT: Final = 844
LONGEST: Final = 6000  # px; a longer page is cut

QUESTION: Final = "/search/?q=how+do+I+price+my+product+for+large+companies"
Go: TypeAlias = Callable[[Page], None]
Stop: TypeAlias = tuple[str, str | Go]


def press(css: str) -> Go:
    return lambda page: page.press(css)


def follow(css: str) -> Go:
    """Where the first such link leads: the console's lists are wider than the screen."""
    return lambda page: page.open(page.find(css).get_attribute("href"))


def reweigh(page: Page) -> None:
    """Other weights, so that the preview has something to show."""
    page.type("#id_deficit", "0.4")
    page.press("[name=_continue]")


def leave_out(page: Page) -> None:
    """The first of the list is not relevant."""
    reason = page.find(".doubt[open] select")
    reason.find_element("css selector", "option[value=known]").click()
    page.click(".doubt[open] button")
    page.find(".person-gone")


def simulate(page: Page) -> None:
    """Weeks that are over in a minute."""
    page.chrome.execute_script(
        "arguments[0].value = 'weeks = 4\\nseeds = 2'", page.find("textarea")
    )
    page.press("#simulate button[type=submit]")


def pause(page: Page) -> None:
    """Nothing new is booked; the next stop takes it back."""
    page.open(page.chrome.current_url.partition("/style/")[0] + "/sessions/")
    page.press("form[action$='/pause/'] button")


def see_the_end(page: Page) -> None:
    """The page looks again by itself until the run is over."""
    WebDriverWait(page.chrome, 300).until(
        lambda chrome: chrome.find_elements("css selector", "table")
    )


def compute_figures(page: Page) -> None:
    """The figures of now; a worker may have computed them already."""
    page.open(page.chrome.current_url.split("/admin/")[0] + "/admin/analytics/refresh/figures/")
    WebDriverWait(page.chrome, 120).until(
        lambda chrome: chrome.find_elements("css selector", "figure")
    )


# Who looks, and at what: a path, or what to press on the page before.
WALKS: Final[dict[str, tuple[Stop, ...]]] = {
    "": (
        ("landing", "/"),
        ("sign-in", "/accounts/login/"),
        ("sign-up", "/accounts/signup/"),
        ("sign-in-code", "/accounts/login/code/"),
        ("mentors", "/mentors/"),
        ("mentor-for-a-stranger", press(".person h2 a")),
        ("not-found", "/nothing/"),
    ),
    "alice@example.com": (
        ("search", "/search/"),
        ("results-none", "/search/?q=help&stage=Seed&language=Welsh"),
        ("results", QUESTION),
        ("results-doubt", lambda page: page.click(".doubt")),
        ("results-left-out", leave_out),
        ("results-left-out-again", QUESTION),
        ("mentor", press(".person h2 a")),
        ("mentor-no-time-chosen", press("#book-form .btn-primary")),
        ("sessions", "/sessions/"),
        ("session", press(".row-title a")),
        ("move", press("a[href$='/move/']")),
        ("session-again", lambda page: page.chrome.back()),
        ("cancel", press("a[href$='/cancel/']")),
        ("sessions-past", "/sessions/?show=past"),
        ("session-past", press(".row-title a")),
        ("feedback", press("a[href$='/feedback/']")),
        ("waitlist", "/waitlist/"),
        ("saved", "/saved/"),
        ("profile", "/profile/"),
        ("welcome", "/welcome/"),
        ("settings", "/settings/"),
        ("messages", "/settings/messages/"),
        ("privacy", "/settings/privacy/"),
        ("help", "/help/"),
        ("help-found", "/help/?q=cancel"),
        ("help-none", "/help/?q=zeppelin"),
    ),
    "bob@example.com": (
        ("mentor-sessions", "/sessions/"),
        ("mentor-session", press(".row-title a")),
        ("hours", "/hours/"),
        ("hours-decide", press("li:nth-child(2) form[action*='/remove/'] button")),
        ("hours-weekly", "/hours/weekly/add/"),
        ("hours-date", "/hours/dates/add/"),
        ("hours-away", "/hours/away/add/"),
        ("hours-zone", "/hours/zone/"),
        ("mentor-profile", "/profile/"),
        ("mentor-privacy", "/settings/privacy/"),
        ("style", "/style/"),
        ("mentor-paused", pause),
        ("mentor-back", press("form[action$='/resume/'] button")),
    ),
    "carol@example.com": (
        ("admin", "/admin/"),
        ("admin-everything", "/admin/everything/"),
        ("admin-find", "/admin/find/?q=bob"),
        ("admin-week", "/admin/sessions_app/session/week/"),
        ("admin-schedules", "/admin/django_celery_beat/periodictask/"),
        ("admin-index", "/admin/matching/mentorembedding/"),
        ("admin-template", "/admin/content/messagetemplate/add/?name=Session%20booked"),
        ("admin-mentors-unused", "/admin/mentors/mentor/?needs=unused"),
        ("admin-mentors", "/admin/mentors/mentor/"),
        ("admin-mentor", follow("#result_list tbody a[href*='/change/']")),
        ("admin-mentor-history", follow("a[href$='/history/']")),
        ("admin-changes", "/admin/accounts/auditentry/"),
        ("admin-change", follow("#result_list tbody a[href*='/change/']")),
        ("admin-sessions", "/admin/sessions_app/session/"),
        ("admin-session", follow("#result_list tbody a[href*='/change/']")),
        ("admin-windows", "/admin/sessions_app/availabilitywindow/"),
        ("admin-policies", "/admin/matching/matchpolicy/"),
        ("admin-policy", follow("#result_list tbody a[href*='/change/']")),
        ("admin-policy-draft", press("form[action$='/draft/'] button")),
        ("admin-policy-saved", reweigh),
        ("admin-policy-publish", follow("a[href$='/publish/']")),
        ("admin-policy-preview", follow("a[href$='/preview/']")),
        ("admin-experiments", "/admin/matching/experiment/"),
        ("admin-market-order", "/admin/matching/marketrun/add/"),
        ("admin-market-waiting", simulate),
        ("admin-market-run", see_the_end),
        ("admin-market", "/admin/matching/marketrun/"),
        ("admin-figures", compute_figures),
        ("admin-mentor-figures", "/admin/analytics/mentorfigures/"),
        ("admin-models", "/admin/matching/modeluse/"),
        ("admin-sync-glance", "/admin/sync/syncevent/glance/"),
        ("admin-sync-found", "/admin/sync/syncevent/find/?q=an"),
        ("admin-sync-record", press("#content a[href*='/record/mentor/']")),
        ("admin-sync-happened", "/admin/sync/syncevent/"),
        ("admin-sync-outbox", "/admin/sync/outboxrow/"),
    ),
}


# Of people who are there only in a product of ours (tests/journeys/states.py).
RARE: Final[dict[str, tuple[Stop, ...]]] = {
    "nobody@example.com": (
        ("empty-search", "/search/"),
        ("empty-sessions", "/sessions/"),
        ("empty-saved", "/saved/"),
        ("empty-waitlist", "/waitlist/"),
    ),
    "dora@example.com": (("hours-displaced", "/hours/"),),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a running product with demo data; one is started without it")
    parser.add_argument("--only", default="", help="pages with this in their name")
    options = parser.parse_args()
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    with _product(options.url) as (url, walks), chromium() as chrome:
        page = Page(chrome)
        for who, stops in walks.items():
            if any(options.only in name for name, _go in stops):
                _walk(page, url, who, stops, options.only)
    print(f"{len(list(OUTPUT.iterdir()))} pictures in {OUTPUT}")


@contextlib.contextmanager
def _product(url: str | None) -> Iterator[tuple[str, dict[str, tuple[Stop, ...]]]]:
    """A product and the walks through it; one of ours is put into rare states besides."""
    if url:
        yield url.rstrip("/"), WALKS
        return
    with running() as product:
        states = product.arranged()
        rare = tuple((f"state-{name.replace(' ', '-')}", path) for name, path in states.items())
        alice = "alice@example.com"
        yield product.url, {**WALKS, **RARE, alice: WALKS[alice] + rare}


def _walk(page: Page, url: str, who: str, stops: tuple[Stop, ...], only: str) -> None:
    page.open(url)
    page.chrome.delete_all_cookies()
    if who:
        page.open(f"{url}/accounts/login/")
        page.type("#id_login", who)
        page.type("#id_password", PASSWORD)
        page.press("form:has(#id_password) .btn-primary")
    for name, go in stops:
        try:
            page.open(url + go) if isinstance(go, str) else go(page)
        except Exception as error:  # a page that cannot be reached: the others are still of use
            print(f"No picture of {name}: {type(error).__name__} on {page.chrome.current_url}")
            continue
        if only in name:
            picture(page, name)


def picture(page: Page, name: str) -> None:
    """The whole page, in two widths and two themes."""
    for width in WIDTHS:
        for dark in (False, True):
            _show(page.chrome, width, HEIGHT, dark=dark)
            height = page.chrome.execute_script("return document.documentElement.scrollHeight")
            _show(page.chrome, width, min(max(height, HEIGHT), LONGEST), dark=dark)
            path = OUTPUT / f"{name}-{width}-{'dark' if dark else 'light'}.png"
            page.chrome.save_screenshot(str(path))


def _show(chrome: Any, width: int, height: int, *, dark: bool) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    still = {"name": "prefers-reduced-motion", "value": "reduce"}
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme, still]})
    # The console looks for the theme once, when it is opened.
    chrome.execute_script(
        "if (location.pathname.startsWith('/admin/')) document.documentElement.classList.toggle('dark', arguments[0])",
        dark,
    )
    chrome.execute_async_script(PAINTED, dark)


if __name__ == "__main__":
    main()
