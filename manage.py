#!/usr/bin/env python
"""Django's command line. Without a DATABASE_URL or a REDIS_URL it brings the embedded services up
for as long as the command runs, or joins those of a running `script/server`."""

import contextlib
import os
import sys
from typing import Any

# These never look at the database, and need not wait for one.
WITHOUT_SERVICES = {
    "",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "findstatic",
    "help",
    "makemessages",
    "spectacular",
    "version",
}


def services(command: str) -> contextlib.AbstractContextManager[Any]:
    from config import development, embedded, environment

    var_dir = environment.var_dir()
    development.adopt(var_dir)
    spared = command in WITHOUT_SERVICES or not {"-h", "--help", "--version"}.isdisjoint(sys.argv)
    # The test settings hold services of their own.
    ours = os.environ["DJANGO_SETTINGS_MODULE"] == "config.settings.base"
    if spared or not ours or os.environ.get(environment.SUPERVISED):
        return contextlib.nullcontext()
    return embedded.lease(
        var_dir,
        postgres=environment.text("DATABASE_URL") is None,
        redis=environment.text("REDIS_URL") is None,
    )


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")
    from config.environment import ConfigurationError

    try:
        with services(sys.argv[1] if len(sys.argv) > 1 else ""):
            from django.core.management import execute_from_command_line

            from accounts import acting

            acting.begin(lambda: acting.Acting(f"command {' '.join(sys.argv[1:2])}"))
            execute_from_command_line(sys.argv)
    except ConfigurationError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
