"""How long a change takes to be seen on the other side: the product's own processes, and Airtable's
sandbox at its real limits.

In: from the edit in the base to the mentor's page that shows it, told by a webhook's ping and by an
Automation's post. Out: from the commit here to Airtable's answer. People: from the row that a program
manager makes to an account that can sign in, while five thousand changes are on their way out.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import User
from benchmarks.base import Sandbox, celery, sandbox
from benchmarks.outbox import load
from benchmarks.servers import ROOT, environment, web
from matching.evaluation import scratch_database
from mentors.models import Mentee, Mentor
from sessions_app.services import refresh_openings
from sync.models import OutboxRow, RecordLink, WebhookRegistration
from sync.reconcile import runs
from sync.sandbox import BASE_ID, DEFAULT_TOKEN

MENTORS = 5_000
SAMPLES = 20
SECRET = "secret-of-the-benchmark"
LONGEST = 60.0


def run(data: Path | None, *, mentors: int = MENTORS, samples: int = SAMPLES) -> dict[str, Any]:
    """p50, p95 and the longest of each, in seconds."""
    del data  # generated here
    with scratch_database(), tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "base.db"
        with sandbox(state, rps=0):
            load(mentors)
        call_command("embed_stale", verbosity=0)
        while refresh_openings(now=timezone.now()):
            pass
        WebhookRegistration.objects.all().delete()  # its pings led nowhere; the product makes its own
        with sandbox(state, rps=5) as base:
            base_url = str(settings.AIRTABLE_API_URL)
            env = {
                "AIRTABLE_API_KEY": DEFAULT_TOKEN,
                "AIRTABLE_BASE_ID": BASE_ID,
                "AIRTABLE_API_URL": base_url,
                "AIRTABLE_WEBHOOK_SECRET": SECRET,
                "VAR_DIR": str(settings.VAR_DIR),
            }
            _collect_static(env)
            with web(**env) as site, celery(site, AIRTABLE_WEBHOOK_SECRET=SECRET):
                return _Lags(base, site, samples).measure() | {
                    "answered 429 (wanted 0)": base.refused(),
                    "most requests in a second (at most 5)": base.most_in_a_second(),
                }


class _Lags:
    def __init__(self, base: Sandbox, site: str, samples: int) -> None:
        self._base = base
        self._site = site
        self._samples = samples
        self._links = list(RecordLink.objects.filter(subject="mentor").order_by("pk")[:samples])
        self._page = requests.Session()
        self._page.trust_env = False
        self._page.cookies.set(settings.SESSION_COOKIE_NAME, _signed_in())

    def measure(self) -> dict[str, Any]:
        _until(lambda: WebhookRegistration.objects.filter(is_live=True).exists())
        # A product that met five thousand mentors a moment ago indexes and compares them first.
        _until(lambda: not OutboxRow.objects.exists(), seconds=600)
        _until(lambda: runs.open_run() is None, seconds=600)
        self._by_ping("warm up")
        figures: dict[str, Any] = {
            "in, by a ping: seconds (p95 at most 5)": self._each(self._by_ping),
            "out, idle: seconds (p95 at most 5)": self._each(self._out),
        }
        self._stop_pings()
        figures["in, by an Automation's post: seconds (p95 at most 5)"] = self._each(self._by_post)
        self._stop_pings(enable=True)
        Mentor.objects.update(headline="A bulk change")
        waiting = OutboxRow.objects.count()
        people = self._each(self._newcomer, pause=3.0)
        figures["changes on their way out, before and after"] = [waiting, OutboxRow.objects.count()]
        figures["people meanwhile, row to sign-in: seconds (p95 at most 10)"] = people
        return figures

    def _each(self, one: Callable[[str], float], *, pause: float = 0.5) -> dict[str, float]:
        taken = []
        for n in range(self._samples):
            taken.append(one(f"Sample {n} {uuid.uuid4().hex[:8]}"))
            time.sleep(pause + (n % 7) / 7)  # not in step with any sweep
        taken.sort()
        return {
            "p50": round(taken[len(taken) // 2], 2),
            "p95": round(taken[min(len(taken) - 1, len(taken) * 95 // 100)], 2),
            "longest": round(taken[-1], 2),
        }

    # One change each; how many seconds it took

    def _by_ping(self, words: str) -> float:
        link = self._next()
        begin = time.perf_counter()
        self._edit(link, words)
        return self._shown(link, words, begin)

    def _by_post(self, words: str) -> float:
        link = self._next()
        begin = time.perf_counter()
        self._edit(link, words)
        sent_at = datetime.now(UTC).isoformat()
        body = json.dumps({"recordId": link.record_id, "fields": {}, "timestamp": sent_at}).encode()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Airtable-Signature": signature, "Content-Type": "application/json"}
        url = f"{self._site}/api/webhooks/airtable"
        requests.post(url, body, headers=headers, timeout=10).raise_for_status()
        return self._shown(link, words, begin)

    def _out(self, words: str) -> float:
        link = self._next()
        begin = time.perf_counter()
        # Of what the platform decides, so that the page and the base are of one mind afterwards.
        Mentor.objects.filter(pk=link.object_id).update(headline=words)
        found = RecordLink.objects.filter(pk=link.pk, ancestor__Headline=words)
        _until(found.exists)
        return time.perf_counter() - begin

    def _newcomer(self, words: str) -> float:
        email = f"{words.replace(' ', '.').lower()}@example.com"
        begin = time.perf_counter()
        fields = {"Name": words, "Email": email, "Is Active": True}
        self._base.manage("create", table="Mentors", fields=fields)
        _until(User.objects.filter(email=email).exists)
        return time.perf_counter() - begin

    # The world

    def _next(self) -> RecordLink:
        self._links.append(self._links.pop(0))
        return self._links[-1]

    def _edit(self, link: RecordLink, words: str) -> None:
        self._base.manage(
            "edit", table="Mentors", record=link.record_id, fields={"Headline": words}
        )

    def _shown(self, link: RecordLink, words: str, begin: float) -> float:
        url = f"{self._site}/mentors/{link.object_id}/"

        def shows() -> bool:
            return words in self._page.get(url, timeout=10).text

        _until(shows)
        return time.perf_counter() - begin

    def _stop_pings(self, *, enable: bool = False) -> None:
        registration = WebhookRegistration.objects.get(is_live=True)
        url = (
            f"{self._base.url}/v0/bases/{BASE_ID}/webhooks/{registration.webhook_id}"
            "/enableNotifications"
        )
        headers = {"Authorization": f"Bearer {DEFAULT_TOKEN}"}
        requests.post(url, json={"enable": enable}, headers=headers, timeout=10).raise_for_status()


def _collect_static(env: dict[str, str]) -> None:
    """A page names its files by their contents, so they are gathered first, as in the image."""
    command = [
        sys.executable,
        "manage.py",
        "collectstatic",
        "--noinput",
        "--verbosity=0",
        "--ignore=src",
    ]
    subprocess.run(command, cwd=ROOT, env=environment(**env), check=True)


def _signed_in() -> str:
    """A mentee's session."""
    cache.clear()
    user = User.objects.create_user("reader@example.com", None, name="Reader")
    Mentee.objects.create(user=user, is_synthetic=True)
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def _until(condition: Callable[[], bool], *, seconds: float = LONGEST) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"It did not happen within {seconds:.0f} s.")
        time.sleep(0.05)
