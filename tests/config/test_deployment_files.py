"""What the deployment files name exists: settings, commands, queues, variables."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from config.celery import QUEUES
from config.environment import BASE_DIR

# DESIGN: the configuration contract.
CONTRACT = [
    "DATABASE_URL",
    "REDIS_URL",
    "DEBUG",
    "SECRET_KEY",
    "ALLOWED_HOSTS",
    "BIND",
    "PORT",
    "SITE_URL",
    "TRUSTED_PROXIES",
    "VAR_DIR",
    "MEDIA_DIR",
    "MEETING_BASE_URL",
    "METRICS_TOKEN",
    "AIRTABLE_API_KEY",
    "AIRTABLE_BASE_ID",
    "AIRTABLE_API_URL",
    "AIRTABLE_WEBHOOK_SECRET",
    "AIRTABLE_RPS",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_CHAT_MODEL",
    "EMBEDDING_BACKEND",
    "EMAIL_URL",
    "DEFAULT_FROM_EMAIL",
    "GOOGLE_CLIENT_ID",
    "GOOGLE_CLIENT_SECRET",
    "MICROSOFT_CLIENT_ID",
    "MICROSOFT_CLIENT_SECRET",
    "SENTRY_DSN",
]

# Read by docker-compose.yml itself.
COMPOSE_ONLY = {"POSTGRES_PASSWORD", "WEB_ADDRESS"}
# Read as families: ANYMAIL_* as a whole, the others with the provider's name put in front.
FAMILIES = ("ANYMAIL_", "TWILIO_", "GOOGLE_CLIENT_", "MICROSOFT_CLIENT_")
# The image's tools.
TOOLS = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"} | {
    "PIP_DISABLE_PIP_VERSION_CHECK", "PIP_NO_CACHE_DIR",
}  # fmt: skip


def read(name: str) -> str:
    return (BASE_DIR / name).read_text(encoding="utf-8")


def names_in_example() -> set[str]:
    return set(re.findall(r"^#?([A-Z][A-Z_]+)=", read(".env.example"), re.MULTILINE))


@functools.cache
def names_read_by_the_code() -> set[str]:
    """Every string that is the first argument of one of the readers of config.environment."""
    found: set[str] = set()
    for file in (BASE_DIR / "config").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
    return found


def is_read(name: str) -> bool:
    return name in names_read_by_the_code() or name.startswith(FAMILIES)


@pytest.mark.parametrize("name", CONTRACT)
def test_every_variable_of_the_contract_is_explained_and_read(name):
    assert name in names_in_example()
    assert is_read(name)


def test_families_are_explained():
    for family in FAMILIES:
        assert any(name.startswith(family) for name in names_in_example())


def test_the_example_names_nothing_that_nobody_reads():
    unread = {name for name in names_in_example() - COMPOSE_ONLY if not is_read(name)}
    assert unread == set()


def test_compose_sets_and_asks_for_what_exists():
    text = read("docker-compose.yml")
    asked = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text))
    assert asked <= COMPOSE_ONLY
    assert asked <= names_in_example()
    ours = text.split("environment: &environment")[1].split("volumes:")[0]
    for name in re.findall(r"^\s+([A-Z_]+):", ours, re.MULTILINE):
        assert is_read(name), name


def test_the_image_sets_what_exists():
    text = read("Dockerfile")
    for name in re.findall(r"\b([A-Z][A-Z_]+)=", text):
        assert name in TOOLS or is_read(name), name


def test_every_queue_has_a_worker():
    served = re.findall(r"--queues=([a-z,]+)", read("docker-compose.yml"))
    assert sorted(queue for queues in served for queue in queues.split(",")) == sorted(QUEUES)


def test_commands_name_modules_that_exist():
    text = read("docker-compose.yml") + read("Dockerfile")
    assert (BASE_DIR / "manage.py").exists()
    for module in {"config.wsgi", "config.celery", "config.healthcheck"}:
        assert module in text
        assert importlib.util.find_spec(module) is not None
    for schedule in set(re.findall(r"--scheduler=([\w.]+):", text)):
        assert importlib.util.find_spec(schedule) is not None


def test_the_image_installs_by_hash_and_runs_as_nobody_special():
    text = read("Dockerfile")
    assert "--require-hashes" in text
    assert "ca-certificates" in text
    assert "HEALTHCHECK" in text
    assert text.index("collectstatic --noinput") < text.index("USER officehours")
    for name in re.findall(r"-r (\S+\.txt)", text):
        assert (BASE_DIR / name).exists()


def test_what_the_image_runs_to_collect_files_works(tmp_path):
    """There is no other check that every address in a style sheet leads somewhere."""
    run = re.search(
        r"^RUN (SECRET_KEY=.*?collectstatic --noinput)",
        read("Dockerfile"),
        re.MULTILINE | re.DOTALL,
    )
    assert run
    words = shlex.split(run[1].replace("\\\n", " "))
    variables = dict(word.split("=", 1) for word in words if "=" in word)
    done = subprocess.run(
        [sys.executable, *words[words.index("manage.py") :]],
        cwd=BASE_DIR,
        env={**variables, "VAR_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    collected = {path.name for path in (tmp_path / "static" / "css").iterdir()}
    assert any(re.fullmatch(r"app\.\w{12}\.css", name) for name in collected)
    assert not (tmp_path / "static" / "src").exists()


def test_secrets_stay_out_of_the_image_and_out_of_git():
    for name in (".dockerignore", ".gitignore"):
        lines = read(name).splitlines()
        assert ".env" in lines
        assert any(line.strip("/") == "var" for line in lines)


def test_every_pinned_package_carries_a_hash():
    for file in sorted(Path(BASE_DIR).glob("requirements*.txt")):
        pins = re.findall(r"^[a-zA-Z0-9_.\[\],-]+==[^\n]*", file.read_text(), re.MULTILINE)
        assert pins, file
        assert all(pin.endswith("\\") for pin in pins), file
