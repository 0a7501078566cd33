"""The pages of founders as a browser gets them: how long the server takes, and what Lighthouse says of them.

Served by gunicorn as in production, with the compiled static files, on the demo with 1,000 mentors and the
local model. Lighthouse comes from npm by `npx` and drives the Chromium that is installed, with its own
defaults: a phone on a slow network.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import requests
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.test.utils import override_settings

from accounts.models import User
from benchmarks.servers import ROOT, environment, web
from config.demo.people import ALICE, records
from matching.evaluation import scratch_database
from sessions_app.models import MentorOpening

MENTORS: Final = 1_000
# Fewer than one person may ask in a minute.
ROUNDS: Final = 40
WARM_UP: Final = 8

# The last release that runs on the Node that the rest of our tools run on.
LIGHTHOUSE: Final = "lighthouse@12.8.2"
# Lighthouse itself says that one look is not enough; of three the one in the middle counts.
LOOKS: Final = 3
CATEGORIES: Final = ("performance", "accessibility", "best-practices")
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = "--headless=new --no-sandbox --disable-dev-shm-usage"


def run(data: Path | None) -> dict[str, Any]:
    """Milliseconds at the server by page, median and p95, and Lighthouse's scores of 100."""
    del data  # the demo's own requests
    figures: dict[str, Any] = {}
    with (
        scratch_database(),
        override_settings(DEBUG=True, EMBEDDING_BACKEND="minilm", SITE_URL="http://127.0.0.1"),
        tempfile.TemporaryDirectory(prefix="pages-") as var,
    ):
        settings.AIRTABLE_API_KEY = None
        call_command("seed_demo", mentors=MENTORS, verbosity=0)
        production = {"VAR_DIR": var, "EMBEDDING_BACKEND": "minilm", "OPENBLAS_NUM_THREADS": "1"}
        subprocess.run(
            [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"],
            cwd=ROOT,
            env=environment(**production),
            check=True,
        )
        cookie = _signed_in()
        with web(**production) as url:
            pages = {
                "landing": ("/", ""),
                "results": ("/search/", cookie),
                "mentor page": (f"/mentors/{_somebody_free()}/", cookie),
                "my sessions": ("/sessions/", cookie),
            }
            for name, (path, signed_in) in pages.items():
                figures |= _times(name, url + path, signed_in, asks=name == "results")
            for name, (path, signed_in) in pages.items():
                query = f"?{urlencode({'q': _questions()[0]})}" if name == "results" else ""
                figures |= _lighthouse(name, url + path + query, signed_in)
    return figures


def _signed_in() -> str:
    browser = Client()
    browser.force_login(User.objects.get(email=ALICE))
    return f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"


def _somebody_free() -> Any:
    """The mentor with most open starts, whose page is the longest."""
    return MentorOpening.objects.order_by("-free_14d", "mentor_id").values_list("pk", flat=True)[0]


def _questions() -> list[str]:
    return [row["text"] for row in records("queries")]


def _times(name: str, address: str, cookie: str, *, asks: bool) -> dict[str, Any]:
    """Of one reader at a time; each asks something that nobody asked before."""
    texts = _questions()
    times = []
    with requests.Session() as session:
        for number in range(WARM_UP + ROUNDS):
            asked = {"q": f"{texts[number % len(texts)]} {number}"} if asks else None
            began = time.perf_counter()
            answer = session.get(address, params=asked, headers={"Cookie": cookie}, timeout=30)
            took = (time.perf_counter() - began) * 1000
            if answer.status_code != 200 or answer.history:
                raise AssertionError(f"{address} answered {answer.status_code} {answer.url}.")
            if number >= WARM_UP:
                times.append(took)
    return {
        f"{name}: server, ms, median": round(statistics.median(times), 1),
        f"{name}: server, ms, p95": round(statistics.quantiles(times, n=20)[-1], 1),
    }


def _lighthouse(name: str, address: str, cookie: str) -> dict[str, Any]:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None or shutil.which("npx") is None:
        return {f"{name}: Lighthouse": "not run: it needs npx and Chromium"}
    command = [
        "npx", "--yes", LIGHTHOUSE, address, "--quiet", "--output=json", f"--chrome-flags={FLAGS}",
        f"--only-categories={','.join(CATEGORIES)}", f"--extra-headers={json.dumps({'Cookie': cookie})}",
    ]  # fmt: skip
    reports = sorted(
        (_report(command, browser) for _ in range(LOOKS)),
        key=lambda report: report["categories"]["performance"]["score"],
    )
    found = reports[LOOKS // 2]
    figures: dict[str, Any] = {
        f"{name}: Lighthouse, {category}": round(found["categories"][category]["score"] * 100)
        for category in CATEGORIES
    }
    scores = [round(report["categories"]["performance"]["score"] * 100) for report in reports]
    figures[f"{name}: Lighthouse, performance, each"] = " ".join(map(str, scores))
    missed = [
        audit["title"]
        for category in CATEGORIES
        for entry in found["categories"][category]["auditRefs"]
        if entry["weight"] and (audit := found["audits"][entry["id"]])["score"] not in (None, 1)
    ]
    return figures | ({f"{name}: Lighthouse, missed": "; ".join(missed)} if missed else {})


def _report(command: list[str], browser: str) -> dict[str, Any]:
    """What Lighthouse writes. It gives up at times when its browser does not start, and is asked again."""
    for asked in range(3):
        done = subprocess.run(
            command,
            env={**os.environ, "CHROME_PATH": browser},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            report: dict[str, Any] = json.loads(done.stdout)
            return report
        print(f"Lighthouse failed, {asked + 1}: {done.stderr.strip()[-300:]}", file=sys.stderr)
    raise RuntimeError("Lighthouse failed three times; see above.")
