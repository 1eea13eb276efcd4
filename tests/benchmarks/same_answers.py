"""Compares the answers of this tree with those of another commit of this repository.

`python -m tests.benchmarks.same_answers --against COMMIT` starts a server of each, the other one
from a work tree of its own, and asks both for every condition of the catalogue and for 200 free
texts of each recording of a fold; prints the largest difference of a probability as JSON, and ends
with 1 if it is above the tolerance. Both run in this environment: what the other commit needs has
"""

import argparse
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pandas as pd

from ecg_core.conditions import Catalogue
from tests.support.paths import REPOSITORY
from tests.support.server import START_S, free_port

FREE_TEXTS = 200
Probabilities = dict[str, float]


def queries_of_catalogue() -> list[str]:
    """The name of every condition."""
    return [condition.name for condition in Catalogue.load().conditions]


def free_texts() -> list[str]:
    """Wordings that no catalogue has, from the data that robustness is measured with."""
    texts: list[str] = []
    for file in sorted((REPOSITORY / "model_training/data").glob("unseen_wordings_*.toml")):
        for wordings in tomllib.loads(file.read_text())["wordings"].values():
            texts.extend(wordings)
    return list(dict.fromkeys(texts))[:FREE_TEXTS]


def recordings_of_fold(data: Path, fold: int) -> list[Path]:
    """Headers of the recordings of PTB-XL's fold, of those with a waveform here."""
    tables = [data / "ptb-xl/ptbxl_database.csv"]
    tables += sorted((data / "zero-shot-benchmark/ptbxl").glob("*/*.csv"))
    folds = pd.concat([pd.read_csv(file, index_col="ecg_id")["strat_fold"] for file in tables])
    inside = set(folds.index[folds == fold])
    headers = sorted((data / "ptb-xl").glob("records100/*/*_lr.hea"))
    return [header for header in headers if int(header.stem.removesuffix("_lr")) in inside]


@contextmanager
def served(tree: Path, scratch: Path) -> Iterator[str]:
    """The address of a server of the code in `tree`, with its own bundle and store."""
    port = free_port()
    environment = os.environ | {
        "PYTHONPATH": str(tree),
        "CARDIOQUERY_PORT": str(port),
        "CARDIOQUERY_STORE_PATH": str(scratch / f"{port}.sqlite3"),
        "CARDIOQUERY_LOG_LEVEL": "error",
        "CARDIOQUERY_AUDIT_LOG": "off",
        "CARDIOQUERY_MAX_CONCURRENT_DIAGNOSES": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "service"], cwd=tree, env=environment, stdout=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + START_S
        while not _ready(url):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the server of {tree.name} did not start")
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait()


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def ask(url: str, header: Path, queries: list[str]) -> Probabilities:
    """Probability by query of one recording; empty where recording or queries are refused."""
    files = [
        ("recording", (path.name, path.read_bytes()))
        for path in (header, header.with_suffix(".dat"))
    ]
    data = {"queries": queries}
    response = httpx.post(f"{url}/diagnose", files=files, data=data, timeout=START_S)
    if response.status_code == 422:
        return {}
    response.raise_for_status()
    return {one["query"]: one["probability"] for one in response.json()["findings"]}


def compared(before: str, after: str, headers: list[Path], queries: list[str]) -> dict[str, object]:
    """The largest difference, and what it was in: the number of the query, never its text."""
    largest, at, refused, otherwise = 0.0, -1, 0, 0
    with ThreadPoolExecutor(2) as both:

        def answers(header: Path, asked: list[str]) -> tuple[Probabilities, Probabilities]:
            old, new = both.map(lambda url: ask(url, header, asked), (before, after))
            return old, new

        alone = [answers(headers[0], [query]) for query in queries]
        answered = [q for q, (old, new) in zip(queries, alone, strict=True) if old and new]
        otherwise += sum(bool(old) != bool(new) for old, new in alone)
        for header in headers:
            old, new = answers(header, answered)
            refused += not new
            otherwise += bool(old) != bool(new)
            for number, query in enumerate(answered if old and new else ()):
                difference = abs(old[query] - new[query])
                if difference > largest:
                    largest, at = difference, number
    return {
        "recordings": len(headers),
        "recordings_refused": refused,
        "queries": len(answered),
        "queries_refused": len(queries) - len(answered),
        "refused_by_one_only": otherwise,
        "largest_difference": largest,
        "query_number": at,
    }


def main() -> None:
    """Compare, print, and tell by the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", required=True, help="commit of this repository")
    parser.add_argument("--shared", type=Path, default=REPOSITORY.parent / "shared")
    parser.add_argument("--fold", type=int, default=10)
    parser.add_argument("--tolerance", type=float, default=1e-6)
    arguments = parser.parse_args()
    headers = recordings_of_fold(arguments.shared / "data", arguments.fold)
    queries = [*queries_of_catalogue(), *free_texts()]
    with TemporaryDirectory() as scratch:
        other = Path(scratch) / "other"
        git = ["git", "-C", str(REPOSITORY), "worktree"]
        subprocess.run([*git, "add", "--detach", str(other), arguments.against], check=True)
        try:
            with (
                served(other, Path(scratch)) as before,
                served(REPOSITORY, Path(scratch)) as after,
            ):
                found = compared(before, after, headers, queries)
        finally:
            subprocess.run([*git, "remove", "--force", str(other)], check=True)
    sys.stdout.write(json.dumps({"against": arguments.against, **found}, indent=2) + "\n")
    differs = float(str(found["largest_difference"])) > arguments.tolerance
    sys.exit(differs or bool(found["refused_by_one_only"]))


if __name__ == "__main__":
    main()
