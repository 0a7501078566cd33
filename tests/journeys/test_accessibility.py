"""Every main page, in light and dark: names, headings, targets, widths, contrast and the console.

The large checkers are not in the repository; this asks what they ask most, of the real pages with the
real data, in a real browser.
"""

from __future__ import annotations

import re

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser import Page, chromium
from tests.journeys.product import eventually
from tests.journeys.test_by_api import PASSWORD, QUERY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timing,  # beside the other walks, on the one product they share
    pytest.mark.browser,
    pytest.mark.xdist_group("journeys"),
]

ANONYMOUS = ("/", "/accounts/login/", "/accounts/signup/", "/accounts/login/code/", "/mentors/")
MENTEE = (
    "/search/", f"/search/?q={QUERY.replace(' ', '+')}", "/search/?q=help&stage=Seed&language=Welsh",
    "/sessions/", "/sessions/?show=past", "/waitlist/", "/saved/", "/profile/", "/settings/", "/dev/mail/", "/nothing/",
)  # fmt: skip
MENTOR = (
    "/sessions/", "/hours/", "/hours/weekly/add/", "/hours/dates/add/", "/hours/away/add/",
    "/hours/zone/", "/profile/",
)  # fmt: skip
WIDE, NARROW = (1280, 900), (320, 640)

# Returns sentences about what is wrong with the page as it stands.
AUDIT = r"""
const wrong = [], root = document.documentElement;
const all = (css) => [...document.querySelectorAll(css)];
const say = (what, element) => wrong.push(what + ": " + element.outerHTML.replace(/\s+/g, " ").slice(0, 140));
const seen = (element) => element.checkVisibility({visibilityProperty: true}) && element.getClientRects().length > 0;
const ids = (value) => (value || "").split(/\s+/).filter(Boolean);
const words = (element) => {
  if (element.nodeType === 3) return element.data;
  if (element.nodeType !== 1 || element.getAttribute("aria-hidden") === "true") return "";
  if (element.getAttribute("aria-label")) return element.getAttribute("aria-label");
  if (element.tagName === "IMG") return element.alt;
  return [...element.childNodes].map(words).join(" ");
};
const name = (element) => {
  const by = ids(element.getAttribute("aria-labelledby")).map((id) => document.getElementById(id)).filter(Boolean);
  if (by.length) return by.map(words).join(" ").trim();
  const own = element.getAttribute("aria-label");
  if (own) return own.trim();
  if (element.labels?.length) return [...element.labels].map(words).join(" ").trim();
  return words(element).trim();
};

if (!root.lang) wrong.push("The page has no language");
if (!document.title.trim()) wrong.push("The page has no title");
if (all("main").length !== 1) wrong.push("The page has not one main part");
const skip = document.querySelector("a.skip");
if (!skip || !document.querySelector(skip.getAttribute("href"))) wrong.push("No way past the header");

const headings = all("h1, h2, h3, h4, h5, h6").filter((h) => h.checkVisibility());
if (headings.filter((h) => h.tagName === "H1").length !== 1) wrong.push("Not one h1");
headings.reduce((before, h) => {
  const level = Number(h.tagName[1]);
  if (level > before + 1) say("A heading skips a level", h);
  return level;
}, 0);

const known = new Set();
for (const element of all("[id]")) {
  if (known.has(element.id)) say("An id twice", element);
  known.add(element.id);
}
for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls"])
  for (const element of all(`[${attribute}]`))
    for (const id of ids(element.getAttribute(attribute))) if (!known.has(id)) say(`${attribute} leads nowhere`, element);
for (const image of all("img:not([alt])")) say("A picture without alt", image);
for (const frame of all("iframe:not([title])")) say("A frame without title", frame);
for (const target of all("input:not([type=hidden]), select, textarea, button, a[href], summary"))
  if (target.checkVisibility() && !name(target)) say("Something to press or fill in has no name", target);
for (const element of all("[tabindex]")) if (element.tabIndex > 0) say("A place of its own in the tab order", element);

const inline = (element) => element.tagName === "A" && getComputedStyle(element).display === "inline";
for (const target of all("a[href], button, select, textarea, summary, input:not([type=hidden])")) {
  const box = (target.closest("label") || (target.labels?.[0] && target.matches("[type=checkbox], [type=radio]") ? target.labels[0] : target)).getBoundingClientRect();
  if (!seen(target) || inline(target) || target.matches(".skip")) continue;
  if (box.width < 24 || box.height < 24) say(`A target of ${Math.round(box.width)} by ${Math.round(box.height)}`, target);
}
return wrong;
"""
# Text against what is painted behind it, where that is one colour.
CONTRAST = r"""
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const rgb = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (element) => { for (; element; element = element.parentElement) { const color = rgb(getComputedStyle(element).backgroundColor); if (color[3] === 255) return color; if (color[3] > 0) return null; } return [255, 255, 255, 255]; };
const wrong = [];
for (const element of document.querySelectorAll("body *")) {
  if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
  if (!element.checkVisibility({opacityProperty: true, visibilityProperty: true}) || element.closest("[aria-hidden=true], :disabled, .hide-visually, .skip, template")) continue;
  const style = getComputedStyle(element), back = behind(element), ink = rgb(style.color);
  if (!back || ink[3] < 255) continue;
  const [low, high] = [light(ink), light(back)].sort((a, b) => a - b);
  const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
  const ratio = (high + 0.05) / (low + 0.05);
  if (ratio < (large ? 3 : 4.5)) wrong.push(`Contrast ${ratio.toFixed(2)}: ${element.outerHTML.slice(0, 120)}`);
}
return wrong;
"""
# The new colours are on the screen, not on their way.
PAINTED = r"""
const [dark, done] = arguments;
const settled = () => matchMedia("(prefers-color-scheme: dark)").matches === dark
  && document.getAnimations().every((animation) => animation.playState !== "running");
const wait = () => requestAnimationFrame(() => setTimeout(
  () => (settled() ? setTimeout(() => (settled() ? done() : wait()), 150) : wait()), 30));
wait();
"""


def show(page, *, size, dark):
    width, height = size
    page.chrome.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )
    features = [
        {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    page.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    page.chrome.execute_async_script(PAINTED, dark)


def faults(page):
    """What is wrong with the page as it stands, in both lights and on a narrow screen."""
    ask = page.chrome.execute_script
    show(page, size=WIDE, dark=False)
    found = [*ask(AUDIT), *ask(CONTRAST)]
    show(page, size=WIDE, dark=True)
    found += [f"dark: {fault}" for fault in ask(CONTRAST)]
    show(page, size=NARROW, dark=False)
    found += [f"narrow: {fault}" for fault in ask(AUDIT)]
    too_wide = ask("return document.documentElement.scrollWidth - innerWidth")
    if too_wide > 0:
        found.append(f"narrow: {too_wide} px wider than the screen")
    # That a page is refused (404, 409, 422) is what some of these are about.
    found += [
        error
        for error in page.errors
        if not re.search(r"Failed to load resource: .* status of 4\d\d", error)
    ]
    return [f"{page.chrome.current_url}: {fault}" for fault in dict.fromkeys(found)]


def sign_in(page, product, email):
    page.chrome.delete_all_cookies()
    page.open(f"{product.url}/accounts/login/")
    page.type("#id_login", email)
    page.type("#id_password", PASSWORD)
    page.press("form:has(#id_password) .btn-primary")


def test_the_pages_can_be_used_by_everybody(product):
    found = []
    with chromium() as chrome:
        page = Page(chrome)

        def look(*addresses):
            for address in addresses:
                page.open(product.url + address)
                found.extend(faults(page))

        look(*ANONYMOUS)
        page.press(".person h2 a")
        found += faults(page)
        page.open(f"{product.url}/accounts/login/code/")
        page.type("main input[type=email]", "alice@example.com")
        page.press("main .btn-primary")
        found += faults(page)

        sign_in(page, product, "alice@example.com")
        look(*MENTEE)
        eventually(lambda: _mail(page, product), within=30, what="A mail")
        found += faults(page)
        page.open(f"{product.url}/sessions/")
        page.press(".row-title a")
        found += faults(page)
        page.press("a[href$='/cancel/']")
        found += faults(page)
        _refused(page, product, found)
        _not_relevant(page, product, found)

        sign_in(page, product, "bob@example.com")
        look(*MENTOR)
    assert found == []


def _not_relevant(page, product, found):
    """By keyboard: a mentor is left out, the focus is on what came in their place, and it is undone."""
    page.open(f"{product.url}/search/?q={QUERY.replace(' ', '+')}")
    show(page, size=WIDE, dark=False)
    first = page.find(".person h2").text
    page.find(".doubt > summary").send_keys(Keys.ENTER)
    found += faults(page)
    page.find(".doubt[open] select").send_keys("Wrong s")
    page.find(".doubt[open] input[name=words]").send_keys("Too late for us", Keys.ENTER)
    eventually(lambda: page.all(".person-gone"), within=10, what="A line in their place")
    gone = page.chrome.switch_to.active_element
    assert f"{first} is left out for this question" in gone.text
    found += faults(page)
    show(page, size=WIDE, dark=False)
    gone.find_element("tag name", "button").send_keys(Keys.ENTER)
    eventually(lambda: not page.all(".person-gone"), within=10, what="The list again")
    assert page.find(".person h2").text == first
    found += faults(page)


def _mail(page, product):
    page.open(f"{product.url}/dev/mail/")
    mails = page.all("main .rows a")
    if mails:
        page.press("main .rows a")
    return bool(mails)


def _refused(page, product, found):
    """A booking without a time: the error says so, and has the focus."""
    page.open(f"{product.url}/search/?q={QUERY.replace(' ', '+')}")
    page.press(".person h2 a")
    found += faults(page)
    show(page, size=WIDE, dark=False)
    page.press("#book-form .btn-primary")
    found += faults(page)
    assert "alert" in page.chrome.switch_to.active_element.get_attribute("class")
