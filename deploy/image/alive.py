"""Whether the service in this container answers: exit code 0 or 1. For engines that have no probes of their own.

Another port than 8321 must be told by CODEACT_SERVE_PORT, which the service reads too.
"""

from __future__ import annotations

import http.client
import os
import sys

PATIENCE = 5.0  # seconds


def main() -> int:
    port = int(os.environ.get("CODEACT_SERVE_PORT", "8321"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/healthz")
        return 0 if connection.getresponse().status == 200 else 1
    except (OSError, http.client.HTTPException):
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
