"""/metrics, the alerts that read it, and the page behind each alert."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.test import Client
from django.utils import timezone

from sync import health, metrics, selectors
from sync.models import ApiUsage, BaseBinding, WebhookRegistration
from sync.people_models import Invitation
from tests.factories import MentorFactory
from tests.sync.conftest import drain

ROOT = Path(__file__).resolve().parents[2]
RULES = [
    rule
    for group in yaml.safe_load((ROOT / "docs/alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
# The text format: a comment, or a name with labels and a number.
LINE = re.compile(
    r"(?:# HELP [a-z_]+ \S.*|# TYPE [a-z_]+ gauge"
    r'|[a-z_]+(?:\{[a-z]+="(?:[^"\\\n]|\\.)*"(?:,[a-z]+="(?:[^"\\\n]|\\.)*")*\})? -?[0-9.e+]+)'
)


def scrape(**headers):
    return Client(REMOTE_ADDR="127.0.0.1").get("/metrics", **headers)


class TestPage:
    def test_every_line_is_of_the_text_format(self, mentor):
        answer = scrape()
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
        lines = answer.content.decode().splitlines()
        assert [line for line in lines if not LINE.fullmatch(line)] == []
        samples = [line.rsplit(" ", 1)[0] for line in lines if not line.startswith("#")]
        assert len(samples) == len(set(samples))

    def test_it_says_what_the_command_says(self, base):
        MentorFactory()
        drain()
        MentorFactory()
        page = scrape().content.decode()
        assert 'officehours_sync_backlog{table="Mentors"} 1.0\n' in page
        assert 'officehours_sync_records{table="Mentors",state="linked"} 1.0\n' in page
        assert re.search(r'lag_seconds\{direction="out",percentile="95"\} [0-9.]+\n', page)
        assert f"officehours_sync_requests_last_hour {float(len(base.requests()))}\n" in page

    def test_without_a_base_it_is_not_an_alarm(self, db, settings):
        settings.AIRTABLE_API_KEY = None
        page = scrape().content.decode()
        assert "officehours_sync_configured 0.0\n" in page
        assert "officehours_sync_stopped 0.0\n" in page


class TestDoor:
    def test_this_machine_may_ask(self, db):
        assert scrape().status_code == 200

    @pytest.mark.parametrize("header", ["HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED"])
    def test_a_proxy_on_this_machine_is_not_this_machine(self, db, header):
        assert scrape(**{header: "203.0.113.9"}).status_code == 404

    def test_from_elsewhere_it_takes_the_token(self, db, settings):
        elsewhere = Client(REMOTE_ADDR="203.0.113.9")
        assert elsewhere.get("/metrics").status_code == 404
        # No token is configured, so none opens the door, not even an empty one.
        assert elsewhere.get("/metrics", HTTP_AUTHORIZATION="Bearer ").status_code == 404
        settings.METRICS_TOKEN = "a-long-token"
        wrong = elsewhere.get("/metrics", HTTP_AUTHORIZATION="Bearer another")
        right = elsewhere.get("/metrics", HTTP_AUTHORIZATION="Bearer a-long-token")
        assert (wrong.status_code, right.status_code) == (404, 200)

    def test_it_only_reads(self, db):
        assert Client(REMOTE_ADDR="127.0.0.1").post("/metrics").status_code == 405


class TestAlerts:
    @pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
    def test_each_reads_what_there_is_and_has_a_page(self, rule):
        asked = set(re.findall(r"officehours_sync_[a-z_]+", rule["expr"]))
        assert asked
        assert asked <= {metrics.PREFIX + name for name in metrics.HELP}
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert re.fullmatch(r"\d+[mh]", rule["for"])
        assert rule["annotations"]["runbook"] == f"docs/runbooks/{health.runbook(rule['alert'])}.md"
        assert (ROOT / rule["annotations"]["runbook"]).is_file()
        assert rule["annotations"]["summary"]
        assert rule["expr"].count("(") == rule["expr"].count(")")

    def test_what_the_console_calls_a_problem_is_an_alert(self):
        source = (ROOT / "sync/health.py").read_text()
        assert set(re.findall(r'"(Sync[A-Za-z]+)"', source)) == {
            rule["alert"] for rule in RULES if rule["alert"] != "SyncMetricsMissing"
        }

    def test_both_measure_with_the_same_numbers(self):
        said = {rule["alert"]: rule["expr"] for rule in RULES}
        assert f"> {health.OLD_AFTER:.0f}" in said["SyncBacklogOld"]
        assert f"> {health.OLD_AFTER:.0f}" in said["SyncInboundOld"]
        assert f"> {health.SLOW_AFTER:.0f}" in said["SyncSlow"]
        assert f"> {health.UNREAD_AFTER.total_seconds():.0f}" in said["SyncNotReading"]

    def test_every_metric_is_explained_and_shown(self, mentor):
        drain()
        BaseBinding.objects.update(monthly_requests=1000)
        days_ago, now = timezone.now() - timedelta(days=2), timezone.now()
        WebhookRegistration.objects.update(created_at=days_ago)
        ApiUsage.objects.filter(pk=ApiUsage.objects.first().pk).update(minute=days_ago)
        Invitation.objects.create(
            user=mentor.user, subject="mentor", appeared_at=now, admitted_at=now
        )
        shown = {sample.name for sample in metrics.samples(selectors.figures(now=timezone.now()))}
        assert shown == set(metrics.HELP)


def test_labels_are_escaped():
    assert metrics._labels({"table": 'a"b\\c\nd'}) == '{table="a\\"b\\\\c\\nd"}'
