"""Wrong values stop the start with a sentence that names the variable, and never repeats it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from config import environment
from config.environment import ConfigurationError
from config.settings import checked

SECRET = "hunter2"


def read_all() -> None:
    """What the settings read through `checked`, in their order."""
    checked.bind("127.0.0.1")
    checked.hosts(["localhost"])
    checked.database(environment.text("DATABASE_URL", "postgres://h/name"))
    checked.redis()
    checked.oauth_apps("google", "microsoft")
    checked.sender("Office Hours <hours@example.com>")
    checked.mail_provider(environment.text("ANYMAIL_BACKEND", "sendgrid"))
    checked.mail(environment.text("EMAIL_URL", "smtp://localhost:25"))
    checked.base_id()
    checked.webhook_secrets()
    checked.amounts("LLM_MONTHLY_USD", "20")
    checked.amounts("OPENAI_CHAT_PRICES", "0.15,0.60")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BIND", "not@host"),
        ("BIND", "999.1.1.1"),
        ("ALLOWED_HOSTS", "https://hours.example.com"),
        ("ALLOWED_HOSTS", "hours.example.com:8000"),
        ("DATABASE_URL", "mysql://h/name"),
        ("DATABASE_URL", "name"),
        ("DATABASE_URL", f"postgres://u:{SECRET}@h:abc/name"),
        ("DATABASE_URL", f"postgres://u:{SECRET}@h:5432/"),
        ("REDIS_URL", "h"),
        ("REDIS_URL", "http://h"),
        ("REDIS_URL", f"redis://:{SECRET}@h:abc"),
        ("EMAIL_URL", "h"),
        ("EMAIL_URL", "http://h"),
        ("EMAIL_URL", f"smtp://u:{SECRET}@h:abc"),
        ("DEFAULT_FROM_EMAIL", "Office Hours"),
        ("DEFAULT_FROM_EMAIL", "hours@example.com\nBcc: x@example.com"),
        ("ANYMAIL_BACKEND", "nobody"),
        ("ANYMAIL_BACKEND", "no.such.provider"),
        ("AIRTABLE_BASE_ID", "tbl123"),
        ("AIRTABLE_WEBHOOK_SECRET", f"a,b,{SECRET}"),
        ("GOOGLE_CLIENT_ID", "only the id"),
        ("MICROSOFT_CLIENT_SECRET", SECRET),
        ("LLM_MONTHLY_USD", "a lot"),
        ("LLM_MONTHLY_USD", "-1"),
        ("LLM_MONTHLY_USD", "nan"),
        ("OPENAI_CHAT_PRICES", "0.15"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(name, value, monkeypatch):
    read_all()
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name.removesuffix("_SECRET")) as refused:
        read_all()
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BIND", "0.0.0.0"),
        ("BIND", "::1"),
        ("BIND", "web-1.internal"),
        ("ALLOWED_HOSTS", ".example.com, [::1],*"),
        ("DATABASE_URL", "postgresql://u:p@h:5432/name?sslmode=require"),
        ("REDIS_URL", "rediss://:p@h:6380/1"),
        ("REDIS_URL", "unix:///run/redis.sock"),
        ("EMAIL_URL", "smtp+tls://u:p@h:587"),
        ("DEFAULT_FROM_EMAIL", "hours@example.com"),
        ("ANYMAIL_BACKEND", "postmark"),
        ("AIRTABLE_BASE_ID", "appReal"),
        ("AIRTABLE_WEBHOOK_SECRET", "old,new"),
    ],
)
def test_a_right_value_is_taken(name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    read_all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"EMAIL_URL": "nonsense", "DEBUG": "1", "DATABASE_URL": "postgres://h/name"},
        {"SITE_URL": "ftp://hours.example.com", "DATABASE_URL": "postgres://h/name"},
        {"VAR_DIR": "/proc/nowhere"},
    ],
)
def test_the_last_word_of_a_refused_start_is_the_sentence(wrong, tmp_path):
    given = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), **wrong}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        env=given, cwd=environment.BASE_DIR, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    [sentence] = (done.stdout + done.stderr).splitlines()
    assert sentence.startswith(next(iter(wrong)))


def test_without_allowed_hosts_a_deployment_answers_to_its_own_address():
    assert checked.host_of("https://hours.example.com:8443/x") == "hours.example.com"
    assert checked.host_of("http://[::1]:8000") == "[::1]"
