"""Coverage-guided fuzzing of what reads input: `make fuzz SECONDS=60`, or one target by name.

Each target gets a process of its own, the kept corpus as its seeds, and bounds on the time and
memory of one input. What breaks a promise is written beside the corpus, to be kept there as a
regression once it is mended.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory
from typing import NamedTuple

import atheris

CORPUS = Path(__file__).parent / "corpus"
INSTRUMENTED = ["ecg_core", "service", "api_schemas", "python_multipart", "tests.fuzz.targets"]
TARGET_NAMES = (
    "wfdb_header",
    "wfdb_pair",
    "csv_table",
    "zip_archive",
    "device_document",
    "philips_waveforms",
    "scp_record",
    "scp_sections",
    "dicom_file",
    "edf_file",
    "multipart_body",
    "query_text",
    "json_body",
)
# By the clock on the wall, for what never returns.
MAX_INPUT_S = 10
# Of processor time, so that a busy machine is no find.
MAX_PROCESSOR_S = 1.0
# Of one input. The fuzzer itself grows with what it remembers, so it is given more.
MAX_GROWTH_MB = 256
MAX_MEMORY_MB = 2048
MAX_INPUT_BYTES = 16_384
# Some targets make it grow by 6 to 10 KB an input, of which the reader itself keeps nothing: after
# so long it begins anew, with the inputs that it has found to reach new code.
_ROUND_S = 60
_FINAL = re.compile(r"stat::number_of_executed_units:\s+(\d+)|stat::peak_rss_mb:\s+(\d+)")


class Bound(NamedTuple):
    """When a fuzzer ends: after so many seconds or so many inputs (-1: any number)."""

    seconds: int
    inputs: int


def fuzz_one(name: str, arguments: list[str]) -> None:
    """Fuzz one target in this process, until libFuzzer ends it."""
    with atheris.instrument_imports(include=INSTRUMENTED, enable_loader_override=False):
        from tests.fuzz.targets import TARGETS

    def keeping(data: bytes) -> None:
        try:
            before_kb = getrusage(RUSAGE_SELF).ru_maxrss
            started = time.process_time()
            TARGETS[name](data)
            if time.process_time() - started > MAX_PROCESSOR_S:
                raise TimeoutError(f"more than {MAX_PROCESSOR_S} s for one input")
            if getrusage(RUSAGE_SELF).ru_maxrss - before_kb > 1024 * MAX_GROWTH_MB:
                raise MemoryError(f"more than {MAX_GROWTH_MB} MB for one input")
        except BaseException:
            # libFuzzer does not always write down what a Python exception ended.
            found = CORPUS / name / f"found-{sha256(data).hexdigest()[:12]}.bin"
            found.write_bytes(data)
            raise

    atheris.Setup([sys.argv[0], *arguments], keeping)
    atheris.Fuzz()


def fuzz(name: str, bound: Bound, grown: Path) -> bool:
    """Fuzz one target in processes of its own, one after the other; whether nothing was found."""
    grown.mkdir(parents=True, exist_ok=True)
    rounds = range(0, bound.seconds, _ROUND_S if bound.inputs < 0 else bound.seconds)
    return all(
        _fuzz_for_a_round(
            name, bound._replace(seconds=min(rounds.step, bound.seconds - start)), grown
        )
        for start in rounds
    )


def _fuzz_for_a_round(name: str, bound: Bound, grown: Path) -> bool:
    found = CORPUS / name / "found-"
    options = {
        "max_total_time": bound.seconds,
        "runs": bound.inputs,
        "timeout": MAX_INPUT_S,
        "rss_limit_mb": MAX_MEMORY_MB,
        "max_len": MAX_INPUT_BYTES,
        "print_final_stats": 1,
        "artifact_prefix": found,
    }
    arguments = [f"-{option}={value}" for option, value in options.items()]
    started = time.monotonic()
    command = [sys.executable, "-m", "tests.fuzz.run", "--one", name, "--", *arguments]
    done = subprocess.run(
        [*command, str(grown), str(CORPUS / name)],
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )
    elapsed_s = time.monotonic() - started
    executed, peak_mb = _statistics(done.stderr)
    verdict = "nothing found" if done.returncode == 0 else f"FOUND SOMETHING ({found}*)"
    report = f"{name}: {executed} inputs in {elapsed_s:.0f} s, peak {peak_mb} MB: {verdict}\n"
    sys.stdout.write(report + (done.stderr[-4000:] if done.returncode else ""))
    sys.stdout.flush()
    return done.returncode == 0


def _statistics(log: str) -> tuple[str, str]:
    executed, peak_mb = "?", "?"
    for units, memory in _FINAL.findall(log):
        executed, peak_mb = units or executed, memory or peak_mb
    return executed, peak_mb


def main() -> int:
    """Fuzz the targets that were named, or all of them, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=TARGET_NAMES)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--inputs", type=int, default=-1, help="for each target, at most")
    parser.add_argument("--grown", type=Path, help="folder for inputs that reach new code")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    stated = parser.parse_args()
    if stated.one:
        fuzz_one(stated.one, list(stated.targets))
    with TemporaryDirectory() as folder:
        grown = stated.grown or Path(folder)
        bound = Bound(stated.seconds, stated.inputs)
        results = [fuzz(name, bound, grown / name) for name in stated.targets]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
