"""What the product decides for itself on a laptop, where nobody configured anything.

`script/server` decides and notes its decisions under VAR_DIR; `manage.py`, typed beside it, reads
them, so that both work on the same database, the same base and the same key. Whatever is set in the
environment wins. With a DATABASE_URL none of this applies: that is a deployment, and its
configuration is somebody's decision.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from config import environment

# What the sandbox calls its base and its token; a test compares. Importing them from there would
# load the whole sandbox into every management command.
SANDBOX_BASE_ID = "appSandboxOffice1"
SANDBOX_KEY = "patSandbox.officehours"


def is_given(name: str) -> bool:
    """Whether somebody set that variable, directly or as a file."""
    return environment.text(name) is not None


def is_laptop() -> bool:
    """Whether the product brings its own database, and so may decide the rest as well."""
    return not is_given("DATABASE_URL")


def defaults(var_dir: Path) -> dict[str, str]:
    """DEBUG and a SECRET_KEY that stays the same from start to start."""
    found: dict[str, str] = {}
    if is_laptop() and not is_given("DEBUG"):
        found["DEBUG"] = "1"
    debug = found.get("DEBUG") == "1" or environment.flag("DEBUG", False)
    if debug and not is_given("SECRET_KEY"):
        found["SECRET_KEY"] = kept_secret(var_dir, "secret-key")
    return found


def wants_sandbox() -> bool:
    """Whether the Airtable sandbox plays the base: in development, on a loopback bind, and only as
    long as nobody named a base of their own."""
    return (
        environment.flag("DEBUG", False)
        and environment.is_loopback_host(environment.text("BIND", "127.0.0.1"))
        and not is_given("AIRTABLE_API_KEY")
        and not is_given("AIRTABLE_API_URL")
    )


def sandbox_settings(var_dir: Path, port: int) -> dict[str, str]:
    """How the product reaches the sandbox."""
    found = {
        "AIRTABLE_API_URL": f"http://127.0.0.1:{port}",
        "AIRTABLE_API_KEY": SANDBOX_KEY,
    }
    if not is_given("AIRTABLE_BASE_ID"):
        found["AIRTABLE_BASE_ID"] = SANDBOX_BASE_ID
    if not is_given("AIRTABLE_WEBHOOK_SECRET"):
        found["AIRTABLE_WEBHOOK_SECRET"] = kept_secret(var_dir, "webhook-secret")
    return found


def is_demo(site_url: str) -> bool:
    """Whether demo people may be created here; `seed_demo` asks the same again."""
    return (
        environment.flag("DEBUG", False)
        and environment.is_loopback_url(site_url)
        and environment.is_loopback_url(environment.text("AIRTABLE_API_URL", ""))
    )


def kept_secret(var_dir: Path, name: str) -> str:
    """A random secret, made once and readable by its owner alone."""
    file = var_dir / "secrets" / name
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.parent.chmod(0o700)
    except OSError as error:
        raise environment.ConfigurationError(
            f"VAR_DIR is {var_dir}, where nothing can be kept: {error.strerror}."
        ) from error
    if not file.exists():
        scratch = file.with_name(f"{name}.{os.getpid()}")
        scratch.touch(mode=0o600)
        scratch.write_text(secrets.token_urlsafe(48))
        try:
            os.link(scratch, file)  # unlike a rename, this leaves the first of two writers standing
        except FileExistsError:
            pass
        finally:
            scratch.unlink()
    return file.read_text().strip()


def note(var_dir: Path, decisions: Mapping[str, str]) -> None:
    """Writes down what was decided, for `manage.py`."""
    file = var_dir / "secrets" / "decisions.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_suffix(".new")
    scratch.touch(mode=0o600)
    scratch.write_text(json.dumps(dict(decisions), indent=2))
    scratch.replace(file)


def adopt(var_dir: Path) -> None:
    """Puts what `script/server` decided last, or would decide now, into our own environment.

    Its Airtable address is taken only together with its key: half of a base is no base.
    """
    if not is_laptop() or os.environ.get(environment.SUPERVISED):
        return
    os.environ.update(defaults(var_dir))
    try:
        noted: dict[str, str] = json.loads((var_dir / "secrets" / "decisions.json").read_text())
    except (OSError, ValueError):
        return
    if not wants_sandbox():
        noted = {key: value for key, value in noted.items() if not key.startswith("AIRTABLE_")}
    for name, value in noted.items():
        if not is_given(name):
            os.environ[name] = value
