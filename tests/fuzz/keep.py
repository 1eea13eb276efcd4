"""Keeps of a fuzzer's inputs the few that reach lines which the kept corpus does not.

`python -m tests.fuzz.run --grown FOLDER`, then `python -m tests.fuzz.keep FOLDER`.
"""

import sys
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.run import CORPUS, INSTRUMENTED
from tests.fuzz.targets import TARGETS, Target

_PACKAGES = tuple(f"/{name.replace('.', '/')}" for name in INSTRUMENTED)

Step = tuple[str, int, int]


def reached(target: Target, data: bytes) -> set[Step]:
    """The steps from line to line of our code, and of the form's parser, that an input takes."""
    steps: set[Step] = set()

    def trace(frame: FrameType, _event: str, _argument: object) -> Any:
        name = frame.f_code.co_filename
        if not any(package in name for package in _PACKAGES):
            return None
        last = frame.f_lineno

        def line(inner: FrameType, event: str, _argument: object) -> Any:
            nonlocal last
            if event == "line":
                steps.add((name, last, inner.f_lineno))
                last = inner.f_lineno
            return line

        return line

    sys.settrace(trace)
    try:
        target(data)
    finally:
        sys.settrace(None)
    return steps


def worth_keeping(target: Target, known: list[bytes], grown: list[bytes]) -> list[bytes]:
    """The smallest inputs first, each only if it reaches something new."""
    seen = set[Step]().union(*(reached(target, data) for data in known))
    kept = []
    for data in sorted(grown, key=len):
        new = reached(target, data) - seen
        if new:
            seen |= new
            kept.append(data)
    return kept


def main() -> None:
    """Go through all targets."""
    folder = Path(sys.argv[1])
    for name, target in TARGETS.items():
        known = [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]
        grown = [path.read_bytes() for path in sorted((folder / name).glob("*"))]
        kept = worth_keeping(target, known, grown)
        for data in kept:
            (CORPUS / name / f"grown-{sha256(data).hexdigest()[:12]}.bin").write_bytes(data)
        sys.stdout.write(f"{name}: kept {len(kept)} of {len(grown)}\n")


if __name__ == "__main__":
    main()
