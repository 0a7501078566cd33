"""The scripts are readable by bash, executable, and say what they promise."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from config.environment import BASE_DIR

SCRIPTS = [
    *(f"script/{name}" for name in ("bootstrap", "server", "test", "check", "lock", "check-file-length")),
    ".ci/run",
]  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_executable_and_well_formed(name):
    script = BASE_DIR / name
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/usr/bin/env bash\n")
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_stops_at_the_first_error(name):
    # .ci/run goes on on purpose: a broken build should tell everything it knows.
    expected = "set -uo pipefail" if name == ".ci/run" else "set -euo pipefail"
    assert expected in (BASE_DIR / name).read_text().splitlines()


@pytest.fixture
def clone(tmp_path):
    """A clone on a path with a space, with a pretended environment that records what it is asked."""
    root = tmp_path / "office hours"
    for name in ("script", ".ci"):
        shutil.copytree(BASE_DIR / name, root / name)
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / "tools").mkdir()
    return root


def pretend(file, body):
    file.write_text(f"#!/usr/bin/env bash\n{body}\n")
    file.chmod(0o755)


def run(clone, *command, path=None):
    return subprocess.run(
        [str(clone / command[0]), *command[1:]],
        cwd="/",
        env={"PATH": path or os.environ["PATH"], "HOME": "/nonexistent"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_suitable_python_there_is_a_sentence(clone):
    shutil.rmtree(clone / ".venv")
    tools = clone / "tools"
    for name in ("bash", "dirname", "env"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    pretend(tools / "python3", "exit 1")
    done = run(clone, "script/bootstrap", path=str(tools))
    assert done.returncode == 1
    assert "Office Hours needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["tests/config"], "-n 2 --dist loadgroup tests/config"),
        (["-m", "not browser"], "-n 2 --dist loadgroup -m not browser"),
        (["tests/x.py::test_y"], "tests/x.py::test_y"),
        (["-n", "4"], "-n 4"),
        (["-n0"], "-n0"),
    ],
)
def test_tests_run_on_two_processes_unless_told_otherwise(clone, arguments, expected):
    pretend(clone / "script" / "bootstrap", "exit 0")
    pretend(clone / ".venv" / "bin" / "python", 'echo "asked: $*"')
    for name in ("chromium", "chromedriver"):
        pretend(clone / "tools" / name, "exit 0")
    done = run(clone, "script/test", *arguments, path=f"{clone / 'tools'}:{os.environ['PATH']}")
    assert done.stdout.strip() == f"asked: -m pytest {expected}".strip()


@pytest.mark.parametrize(("alone", "rest", "expected"), [(0, 0, 0), (1, 0, 1), (0, 1, 1)])
def test_what_measures_seconds_runs_alone_and_first(clone, alone, rest, expected):
    pretend(clone / "script" / "bootstrap", "exit 0")
    pretend(
        clone / ".venv" / "bin" / "python",
        f'echo "asked: $*"; case "$*" in *"not timing"*) exit {rest};; *) exit {alone};; esac',
    )
    for name in ("chromium", "chromedriver"):
        pretend(clone / "tools" / name, "exit 0")
    done = run(clone, "script/test", path=f"{clone / 'tools'}:{os.environ['PATH']}")
    assert done.returncode == expected
    assert done.stdout.split("\n")[:2] == [
        "asked: -m pytest -m timing and not crowd -p no:randomly",
        "asked: -m pytest -m not timing and not crowd -n 2",
    ]


@pytest.mark.parametrize(
    ("check", "test", "crowd", "expected"),
    [(0, 0, 0, 0), (1, 0, 0, 1), (0, 1, 0, 1), (0, 0, 1, 1)],
)
def test_the_build_runs_all_and_repeats_pytests_last_lines(clone, check, test, crowd, expected):
    pretend(clone / "script" / "check", f"echo checked; exit {check}")
    pretend(
        clone / "script" / "test",
        f'case "$*" in *crowd*) echo "== 2 passed in 9s =="; exit {crowd};; esac\n'
        f"echo '== 7 passed in 0.1s =='; exit {test}",
    )
    done = run(clone, ".ci/run")
    assert done.returncode == expected
    assert "checked" in done.stdout
    assert done.stdout.strip().splitlines()[-2:] == [
        "tests: == 7 passed in 0.1s ==",
        "tests: == 2 passed in 9s ==",
    ]
