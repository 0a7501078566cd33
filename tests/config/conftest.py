from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.config.services import Visitor


@pytest.fixture
def folder():
    """A short folder that every account may walk through; pytest's own is private to us."""
    path = Path(tempfile.mkdtemp(prefix="oh-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def visitor():
    everybody = []

    def come(var_dir: Path, *words: str, **more) -> Visitor:
        everybody.append(Visitor(var_dir, *words, **more))
        return everybody[-1]

    yield come
    for one in everybody:
        one.is_killed()
