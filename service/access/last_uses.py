"""The last use of each key, from an audit log; without what serving needs."""

import json
from contextlib import suppress
from pathlib import Path


def last_uses(path: Path) -> dict[str, str]:
    """When each key was last used, by an audit log; lines of anything else are passed over.

    Returns:
        Times (ISO 8601) by the id of the key.
    """
    found: dict[str, str] = {}
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            with suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and entry.get("event") == "access" and "key_id" in entry:
                    used = str(entry.get("time", ""))
                    found[entry["key_id"]] = max(used, found.get(entry["key_id"], ""))
    return found
