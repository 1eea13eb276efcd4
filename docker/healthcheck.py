"""Is the service in this container ready? Exit status 0 if so; the image has no curl."""

import os
import sys
from urllib.error import URLError
from urllib.request import urlopen

_TIMEOUT_S = 4.0


def main() -> int:
    """Ask the service on this container's loopback."""
    port = os.environ.get("CARDIOQUERY_PORT", "8000")
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=_TIMEOUT_S) as response:
            return int(response.status != 200)
    except (URLError, OSError) as error:
        sys.stderr.write(f"not ready: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
