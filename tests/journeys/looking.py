"""A person at the running product, and everything that is wrong with what they are shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tests.browser import Page, chromium
from tests.journeys.product import Product, eventually

PASSWORD: Final = "officehours-demo"
# The last is the first at 400 %, where nothing may run over the edge.
DESK, PHONE, ZOOMED = (1280, 900), (390, 844), (320, 640)
_VIEWS: Final = ((DESK, False), (ZOOMED, True))
SERIOUS: Final = ("critical", "serious")
AXE: Final = Path(__file__).resolve().parents[1] / "vendor" / "axe.min.js"

_RUN_AXE: Final = """
const [impacts, done] = arguments;
axe.run(document, {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  resultTypes: ["violations"],
}).then(
  ({violations}) => done(violations.filter(({impact}) => impacts.includes(impact)).flatMap(({id, nodes}) => nodes.map(({html, failureSummary}) =>
    `${id}: ${html.replace(/\\s+/g, " ").slice(0, 160)} (${failureSummary.replace(/\\s+/g, " ").slice(0, 240)})`))),
  (error) => done([`axe: ${error}`]),
);
"""
# The new colours are on the screen, not on their way: two frames later, and nothing is fading.
PAINTED: Final = r"""
const [dark, done] = arguments;
const settled = () => matchMedia("(prefers-color-scheme: dark)").matches === dark
  && document.getAnimations().every((animation) => animation.playState !== "running");
const wait = () => requestAnimationFrame(() => requestAnimationFrame(() => (settled() ? done() : wait())));
wait();
"""
# The cards of a long list that are out of view are laid out while the browser rests. Before that, what is read of
# them is of the theme and the width that the page came up in.
LAID_OUT: Final = """
return [...document.querySelectorAll(".people > li")].every((card) => getComputedStyle(card).contentVisibility === "visible")
"""
# How far things moved by themselves while the page came up.
_SHIFT: Final = """
const done = arguments[arguments.length - 1];
let sum = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
}).observe({type: "layout-shift", buffered: true});
setTimeout(() => done(sum), 60);
"""


def show(page: Page, *, size: tuple[int, int], dark: bool = False) -> None:
    """A screen of that size, by day or by night, for somebody who wants nothing to move."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    page.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    still = {"name": "prefers-reduced-motion", "value": "reduce"}
    page.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme, still]})
    page.chrome.execute_async_script(PAINTED, dark)


class Walk:
    """Goes from page to page and notes what is wrong with each.

    Args:
        impacts: which of axe's findings count; on pages that are not ours alone, the serious ones.
    """

    def __init__(
        self, page: Page, product: Product, impacts: Sequence[str] = (*SERIOUS, "moderate", "minor")
    ) -> None:
        self.impacts = list(impacts)
        self.page = page
        self.product = product
        self.faults: list[str] = []
        self._view = (DESK, False)  # the size and the theme of the screen
        self.seen: list[str] = []

    def show(self, size: tuple[int, int], *, dark: bool = False) -> None:
        if self._view != (size, dark):
            show(self.page, size=size, dark=dark)
            self._view = (size, dark)

    def open(self, path: str) -> None:
        self.page.open(self.product.url + path)

    def sign_in(self, email: str) -> None:
        self.page.chrome.delete_all_cookies()
        self.open("/accounts/login/")
        self.page.type("#id_login", email)
        self.page.type("#id_password", PASSWORD)
        self.page.press("form:has(#id_password) .btn-primary")

    def look(self, *paths: str) -> None:
        """At each of these, or at the page as it stands."""
        for path in paths or ("",):
            if path:
                self.open(path)
            self._note(self._wrong())

    def look_after(self, act: Callable[[], Any]) -> None:
        act()
        self.look()

    def _note(self, faults: Iterator[str] | list[str]) -> None:
        where = self.page.chrome.current_url.removeprefix(self.product.url)
        self.seen.append(where)
        self.faults += [f"{where}: {fault}" for fault in dict.fromkeys(faults)]

    def _wrong(self) -> Iterator[str]:
        ask = self.page.chrome.execute_script
        eventually(lambda: ask(LAID_OUT), within=20, what="The whole list, laid out,")
        ask(AXE.read_text(encoding="utf-8"))
        # Beginning with the one that the page came up in: changing takes longer than looking.
        for size, dark in sorted(_VIEWS, key=lambda view: view != self._view):
            self.show(size, dark=dark)
            found = self.page.chrome.execute_async_script(_RUN_AXE, self.impacts)
            yield from (f"{'dark, narrow' if dark else 'light, wide'}: {fault}" for fault in found)
            too_wide = ask("return document.documentElement.scrollWidth - innerWidth")
            if too_wide > 0:
                yield f"{too_wide} px wider than a screen of {size[0]}"
        yield from self.noise()

    def noise(self) -> list[str]:
        """What the console complains of, and requests that left the host."""
        # That a page is refused (404, 409, 422) is what some of these are about.
        said = [
            error
            for error in self.page.errors
            if not re.search(r"Failed to load resource: .* status of 4\d\d", error)
        ]
        return said + [f"It asked for {address}" for address in self.foreign()]

    def foreign(self) -> list[str]:
        ours = {urlsplit(self.product.url).netloc, urlsplit(self.product.sandbox).netloc}
        return [
            address
            for address in self.page.requests()
            if address.startswith("http") and urlsplit(address).netloc not in ours
        ]

    def shift(self) -> float:
        """The cumulative layout shift of the page as it was loaded."""
        return float(self.page.chrome.execute_async_script(_SHIFT))


@contextmanager
def walking(product: Product, *, size: tuple[int, int] = DESK, **more: Any) -> Iterator[Walk]:
    """A walk in a browser of its own, at whose end nothing may have been wrong."""
    with chromium() as chrome:
        walk = Walk(Page(chrome), product, **more)
        show(walk.page, size=DESK)
        walk.show(size)
        yield walk
        wrong = walk.faults + walk.noise()
        assert not wrong, "\n".join(wrong)
