"""The readers of the environment: what they accept, and the sentence when they do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import environment
from config.environment import ConfigurationError


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in ("NAME", "NAME_FILE", "VAR_DIR", "VAR_DIR_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_an_absent_or_empty_value_is_the_default(monkeypatch):
    assert environment.text("NAME") is None
    assert environment.text("NAME", "d") == "d"
    monkeypatch.setenv("NAME", "  ")
    assert environment.text("NAME", "d") == "d"
    assert environment.flag("NAME", True) is True
    assert environment.integer("NAME", 3) == 3


def test_a_value_may_come_from_a_file(monkeypatch, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("  s3cret\n")
    monkeypatch.setenv("NAME_FILE", str(secret))
    assert environment.text("NAME") == "s3cret"


def test_a_value_and_a_file_contradict_each_other(monkeypatch, tmp_path):
    monkeypatch.setenv("NAME", "a")
    monkeypatch.setenv("NAME_FILE", str(tmp_path))
    with pytest.raises(ConfigurationError, match="NAME and NAME_FILE are both set"):
        environment.text("NAME")


def test_a_missing_file_is_named_with_its_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("NAME_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match=r"NAME_FILE points to .*nowhere.*No such file"):
        environment.text("NAME")


def test_a_required_value_says_why(monkeypatch):
    with pytest.raises(ConfigurationError, match=r"NAME is not set\. It signs things\."):
        environment.required("NAME", "It signs things.")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", True), ("Yes", True), ("on", True), ("0", False), ("FALSE", False)],
)
def test_flags(monkeypatch, value, expected):
    monkeypatch.setenv("NAME", value)
    assert environment.flag("NAME", not expected) is expected


@pytest.mark.parametrize(
    ("read", "value", "sentence"),
    [
        (lambda: environment.flag("NAME", False), "maybe", "NAME must be 1 or 0"),
        (lambda: environment.integer("NAME"), "ten", "NAME must be a whole number"),
        (lambda: environment.integer("NAME", 5, 1, 9), "0", "NAME must be at least 1; it is 0"),
        (lambda: environment.integer("NAME", 5, 1, 9), "10", "NAME must be at most 9; it is 10"),
        (lambda: environment.choice("NAME", ["a", "b"]), "c", "NAME must be one of: a, b"),
        (lambda: environment.url("NAME"), "example.com", "NAME must be an address"),
        (lambda: environment.url("NAME"), "https://", "NAME must name a host"),
        (lambda: environment.url("NAME"), "https://x:port/", "NAME is not an address"),
        (lambda: environment.url("NAME", None, ["redis"]), "http://x", "starts with redis://"),
    ],
)
def test_a_wrong_value_is_refused_with_a_sentence(monkeypatch, read, value, sentence):
    monkeypatch.setenv("NAME", value)
    with pytest.raises(ConfigurationError, match=sentence):
        read()


def test_a_refused_address_is_not_repeated(monkeypatch):
    monkeypatch.setenv("NAME", "redis://:hunter2@host:port")
    with pytest.raises(ConfigurationError) as refused:
        environment.url("NAME")
    assert "hunter2" not in str(refused.value)


def test_addresses_lose_the_closing_slash(monkeypatch):
    monkeypatch.setenv("NAME", "https://hours.example.com/")
    assert environment.url("NAME") == "https://hours.example.com"


def test_lists_skip_blanks(monkeypatch):
    monkeypatch.setenv("NAME", " a, ,b ,")
    assert environment.listing("NAME") == ["a", "b"]
    assert environment.listing("OTHER_NAME", ["x"]) == ["x"]


def test_var_dir_is_absolute_and_relative_to_the_project(monkeypatch):
    assert environment.var_dir() == environment.BASE_DIR / "var"
    monkeypatch.setenv("VAR_DIR", "state/here")
    assert environment.var_dir() == environment.BASE_DIR / "state/here"
    monkeypatch.setenv("VAR_DIR", "/srv/office hours")
    assert environment.var_dir() == Path("/srv/office hours")


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]", "a.localhost"]
)
def test_loopback_hosts(host):
    assert environment.is_loopback_host(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "10.0.0.1", "example.com", "localhost.example.com", ""]
)
def test_hosts_that_others_can_reach(host):
    assert not environment.is_loopback_host(host)


def test_loopback_addresses():
    assert environment.is_loopback_url("http://127.0.0.1:8000/x")
    assert not environment.is_loopback_url("http://127.0.0.1.example.com/")
    assert not environment.is_loopback_url("not an address")
    assert not environment.is_loopback_url("http://[broken/")
