"""How much memory a service takes under the largest uploads, with the settings of a deployment.

    python -m tests.benchmarks.memory deploy/kubernetes/base/config.env --limit-mib 1024

Starts the service with the settings of the file, sends the largest tables that it takes, two
batches and several single ones at once, some with a character that makes a text four bytes wide,
and prints the most that the process held (VmHWM). Ends with 1 if that is over the limit.
"""

import argparse
import io
import re
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import httpx
import numpy as np

from service.settings import Settings
from tests.support.server import Server, running

_LEADS = "I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6\n"
_LARGEST_BYTES = 31 * 1024 * 1024
# Of the deployment, but not of memory: they need files or a Redis.
_ELSEWHERE = re.compile(r"CARDIOQUERY_(REDIS|API_KEYS|HOST|PORT|TRUSTED|OTLP|AUDIT|ALLOW)")


def main() -> None:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path)
    parser.add_argument("--limit-mib", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        options = deployed_options(arguments.settings) | {"store_path": Path(folder) / "c.sqlite3"}
        with running(Path(folder) / "log", options) as server:
            idle_mib = _peak_mib(server)
            tables = tables_in_batch(options)
            statuses = [flood(server.url, tables) for _ in range(arguments.rounds)]
            peak_mib = _peak_mib(server)
            well = httpx.get(f"{server.url}/healthz").status_code
    sys.stdout.write(
        f"idle {idle_mib:.0f} MiB, at most {peak_mib:.0f} MiB of {arguments.limit_mib} MiB\n"
        f"answers {statuses}, health afterwards {well}\n"
    )
    sys.exit(peak_mib > arguments.limit_mib or well != httpx.codes.OK)


def deployed_options(path: Path) -> dict[str, object]:
    """Settings of a deployment's file by name, but for those that need files or a Redis."""
    lines = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {
        name.removeprefix("CARDIOQUERY_").lower(): value
        for name, _, value in lines
        if name.startswith("CARDIOQUERY_") and not _ELSEWHERE.match(name)
    }


def tables_in_batch(options: Mapping[str, object]) -> int:
    """How many of the largest tables a batch may hold."""
    most = options.get("max_batch_bytes", Settings.model_fields["max_batch_bytes"].default)
    return int(str(most)) // _LARGEST_BYTES


def flood(url: str, tables: int) -> list[int]:
    """Send the largest tables that are taken, all at once: the statuses of the answers.

    Args:
        url: Of the service.
        tables: As many as a batch may hold; another batch holds one less.
    """
    plain, wide = largest_table(wide=False), largest_table(wide=True)
    stated = {"sampling_rate_hz": "500", "units": "mV", "queries": "AFib"}

    def ask(path: str, tables: list[bytes]) -> int:
        files = [("recording", (f"{n}.csv", table)) for n, table in enumerate(tables)]
        with httpx.Client(base_url=url, timeout=600) as client:
            return client.post(path, files=files, data=stated).status_code

    sizes = (tables, max(1, tables - 1))
    jobs = [("/diagnose/batch", ([plain, wide] * tables)[:size]) for size in sizes]
    jobs += [("/diagnose", [wide])] * 4
    with ThreadPoolExecutor(len(jobs)) as threads:
        return list(threads.map(lambda job: ask(*job), jobs))


@cache
def largest_table(*, wide: bool) -> bytes:
    """Twelve leads as text, nearly as large as one upload may be.

    Args:
        wide: With a character that makes the whole text four bytes a character in memory.
    """
    rows = np.random.default_rng(0).normal(scale=0.3, size=(1000, 12))
    text = io.StringIO()
    np.savetxt(text, rows, fmt="%.3f", delimiter=",")
    block = text.getvalue()
    # An emoji: one character beyond the basic plane.
    note = "# \N{GRINNING FACE}\n" if wide else ""
    return (note + _LEADS + block * (_LARGEST_BYTES // len(block))).encode()


def _peak_mib(server: Server) -> float:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else float("nan")


if __name__ == "__main__":
    main()
