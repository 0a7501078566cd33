"""Asks the web server of this container whether it is alive: `python -m config.healthcheck`.

The request carries the public host name, because Django refuses a host it does not know.
"""

from __future__ import annotations

import http.client
import sys
from urllib.parse import urlsplit

from config import environment


def main(path: str = "/healthz") -> int:
    port = environment.integer("PORT", 8000, 1, 65535)
    host = urlsplit(environment.url("SITE_URL", f"http://127.0.0.1:{port}")).netloc
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    try:
        connection.request("GET", path, headers={"Host": host})
        return 0 if connection.getresponse().status == 200 else 1
    except (OSError, http.client.HTTPException):
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
