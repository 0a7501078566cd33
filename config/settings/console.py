"""The program managers' console: its name, colours and menu."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.utils.translation import gettext_lazy


def _sheet(_request: HttpRequest) -> str:
    return static("css/console.css")


def _script(_request: HttpRequest) -> str:
    return static("js/console.js")


def _icon(_request: HttpRequest) -> str:
    return static("img/favicon.svg")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Office Hours",
    "SITE_HEADER": "Office Hours",
    "SITE_SUBHEADER": gettext_lazy("Program managers"),
    "SITE_SYMBOL": "schedule",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "STYLES": [_sheet],
    "SCRIPTS": [_script],
    # The pages' paper, ink and green (static/src/app.css). In the dark 500 is what is written in green.
    "COLORS": {
        "base": {
            "50": "#faf8f4", "100": "#f3efe7", "200": "#e6e1d6", "300": "#d3ccbd", "400": "#a39c8d",
            "500": "#6b665b", "600": "#5b564b", "700": "#443f36", "800": "#2b2822", "900": "#1d1b16",
            "950": "#131109",
        },
        "primary": {
            "50": "#f2f8f3", "100": "#e4efe6", "200": "#c2dfcb", "300": "#8fc3a1", "400": "#4f9a6a",
            "500": "#5fae7c", "600": "#14532d", "700": "#0f4023", "800": "#0c341d", "900": "#0a2a18",
            "950": "#061a0f",
        },
    },
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": "config.admin_menu.navigation",
    },
}  # fmt: skip
