"""A real Chromium, where there is one. Where there is none, tests say so instead of passing."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--window-size=1280,900",
)  # fmt: skip


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("NO BROWSER: install chromium and chromium-driver; this walk was not tested.")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in ARGUMENTS:
        options.add_argument(argument)
    # What the console says, and what is asked of the network.
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield chrome
    finally:
        chrome.quit()


class Page:
    """What a person does: open, read, press, type."""

    def __init__(self, chrome: Any) -> None:
        self.chrome = chrome

    def open(self, url: str) -> None:
        self.chrome.get(url)

    def find(self, css: str, within: float = 10) -> Any:
        return WebDriverWait(self.chrome, within).until(
            lambda chrome: chrome.find_element(By.CSS_SELECTOR, css)
        )

    def all(self, css: str) -> list[Any]:
        return list(self.chrome.find_elements(By.CSS_SELECTOR, css))

    def type(self, css: str, text: str) -> None:
        field = self.find(css)
        field.clear()
        field.send_keys(text)

    def click(self, css: str) -> None:
        """Press what changes this page."""
        target = self.find(css)
        self.chrome.execute_script("arguments[0].scrollIntoView({block: 'center'})", target)
        target.click()

    def press(self, css: str) -> None:
        """Press what leads to another page, and wait until the old one is gone."""
        old = self.find("html")
        self.click(css)
        WebDriverWait(self.chrome, 15).until(lambda _chrome: _is_gone(old))

    @property
    def text(self) -> str:
        return str(self.find("body").text)

    @property
    def errors(self) -> list[str]:
        """What the console complains of: a script error, a broken policy, a missing file."""
        return [
            entry["message"]
            for entry in self.chrome.get_log("browser")
            if entry["level"] == "SEVERE"
        ]

    def requests(self) -> list[str]:
        """The addresses that were asked for since the last call."""
        rows = (
            json.loads(entry["message"])["message"] for entry in self.chrome.get_log("performance")
        )
        return [
            row["params"]["request"]["url"]
            for row in rows
            if row["method"] == "Network.requestWillBeSent"
        ]


def _is_gone(element: Any) -> bool:
    from selenium.common.exceptions import StaleElementReferenceException, WebDriverException

    try:
        element.is_enabled()
    except StaleElementReferenceException:
        return True
    except WebDriverException:  # between two pages
        return False
    return False
