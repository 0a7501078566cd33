"""`python -m tests.journeys.arrange` in a product's environment makes the states of `states.py`, and prints
their addresses as JSON.
"""

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.base"
    import django

    django.setup()
    from tests.journeys.states import States

    sys.stdout.write(json.dumps(States().all()) + "\n")


if __name__ == "__main__":
    main()
