"""Time of each reader, and of the understanding of queries, over doubling sizes of hostile inputs.

    python -m tests.benchmarks.linearity   (or `make linearity`; some minutes)

Prints, for each family of inputs, processor seconds at each size and the growth of time for each
doubling: 2 is linear, 4 quadratic. Exit code 1 if any grows faster than `STEEPEST`, or takes longer
than `LIMIT_S`.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from ecg_core.conditions import Catalogue, understand_query
from ecg_core.errors import InputError, InvalidQuery
from ecg_core.leads import LEADS
from ecg_core.readers import StatedFacts, UploadedFile, read_recording
from tests.support.recordings import make_zip
from tests.support.time_limited import TimeLimited, TookTooLong

LIMIT_S = 30.0
# Between linear (2) and quadratic (4), over all doublings together.
STEEPEST = 2.6
_REPEATS = 3
# Where less is measured it is the clock, and what each call costs whatever the size.
_LEAST_S = 0.002
_LONGEST_QUERY = 17_000

_FILE_BYTES = tuple(2**power for power in range(15, 21))
_HEADER_BYTES = tuple(2**power for power in range(11, 17))
_QUERY_CHARACTERS = tuple(1000 * 2**power for power in range(5))


class Input(NamedTuple):
    """One input; `name` is a file's, or "query"."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Family:
    """Inputs of one kind and any size.

    Attributes:
        name: Its name in the report.
        make: The input of so many bytes, about.
        sizes: Doubling.
    """

    name: str
    make: Callable[[int], Input]
    sizes: tuple[int, ...]


def read(given: Input) -> None:
    """Read a file, or understand a query; a refusal is an answer."""
    with suppress(InputError, InvalidQuery):
        if given.name == "query":
            text = given.content.decode()
            understand_query(text, Catalogue.load(), max_characters=_LONGEST_QUERY)
        else:
            stated = StatedFacts(sampling_rate_hz=500.0, units_per_mv=1000.0)
            read_recording([UploadedFile(given.name, given.content), *_partner(given)], stated)


def _partner(given: Input) -> list[UploadedFile]:
    return [UploadedFile("a.dat", bytes(240))] if given.name.endswith(".hea") else []


def _csv(text: str) -> Input:
    return Input("a.csv", text.encode())


def _leads_in_lines(separator: str, end: str, size: int) -> Input:
    row = f"{separator}1" * (size // 24) + end
    return _csv("\n".join(lead + row for lead in LEADS) + separator + "NA")


def _columns(separator: str, cell: str, size: int) -> Input:
    row = separator.join([cell] * 12)
    rows = [row] * (size // (len(row) + 1))
    return _csv("\n".join([separator.join(LEADS), *rows, row[:-1] + "x"]))


def tables() -> Iterator[Family]:
    """Of the reader of delimited text."""
    for label, separator in (("comma", ","), ("semicolon", ";"), ("tab", "\t")):
        for end in ("", separator):
            yield Family(
                f"one lead a line, {label}, NA{', trailing' if end else ''}",
                lambda size, separator=separator, end=end: _leads_in_lines(separator, end, size),
                _FILE_BYTES,
            )
        for cell in ("1", "1.5", "" if separator == "," else "1,5"):
            yield Family(
                f"one lead a column, {label}, '{cell}'",
                lambda size, separator=separator, cell=cell: _columns(separator, cell, size),
                _FILE_BYTES,
            )
    parts = (" ", "_", "(", ")", '"', "#", ",", "1", "-", "mV ", "\n", "#\n", " \n", "I,", "1e")
    for part in parts:
        for name, start, end in (
            ("at the start", "", ""),
            ("in a comment", "# ", "x\n1\n2"),
            ("in a header", "I,II,", "\n1,2,3"),
            ("in a cell", "I,II\n1,2\n1,", "x"),
        ):
            yield Family(
                f"{part!r} repeated {name}",
                lambda size, part=part, start=start, end=end: _csv(
                    start + part * (size // len(part)) + end
                ),
                _FILE_BYTES,
            )


def headers() -> Iterator[Family]:
    """Of the reader of WFDB."""
    for part in ("/1", "1", " ", "\t", "#\n", "\n", "a.dat 16 1000\n", "..", "(", "\r", "1x"):
        for name, start in (
            ("", ""),
            (" after a name", "a"),
            (" in a record line", "a 12 500 "),
            (" in a signal line", "a 1 500 10\na.dat 16 "),
            (" as a description", "a 1 500 10\na.dat 16 1000 16 0 0 0 0 "),
        ):
            yield Family(
                f"{part!r} repeated{name}, header",
                lambda size, part=part, start=start: Input(
                    "a.hea", (start + part * ((size - 64) // len(part))).encode()
                ),
                _HEADER_BYTES,
            )


def archives() -> Iterator[Family]:
    """Of zips; more members than are read are refused."""
    yield Family(
        "members, zip",
        lambda size: Input(
            "a.zip", make_zip({f"{n}.csv": b"1" for n in range(size // 64)}).content
        ),
        _FILE_BYTES[:4],
    )
    yield Family(
        "one long path, zip",
        lambda size: Input("a.zip", make_zip({"a/" * (size // 4) + "a.csv": b"1"}).content),
        _HEADER_BYTES,
    )
    yield Family("zeros, zip", lambda size: Input("a.zip", bytes(size)), _FILE_BYTES)


def queries() -> Iterator[Family]:
    """Of the understanding of queries."""
    parts = (
        "no ", "not ", "non-", "kein ", "ohne ", "the ", "present ", "in ecg ", "possible ", "AF ",
        "no evidence of ", "is ", "rule out ", "and ", "absent ", "negative ", "T negative ", "a",
        "1 ", "i", ",", " ", ":", "-", "- ", "(", "(?", "?", "=", "= ", ".", "\u0301",
        "\u0323\u0301", "not, ", "premature ", "frei",
        "ecg finding ", "infarct ", "12 lead ", "°", "(es)", "ies ",
    )  # fmt: skip
    for part in parts:
        for name, start, end in (
            ("", "", ""),
            (" inside", "AF", "x"),
            (" after no", "no AF ", "x"),
        ):
            yield Family(
                f"{part!r} repeated{name}, query",
                lambda size, part=part, start=start, end=end: Input(
                    "query", (start + part * (size // len(part)) + end).encode()
                ),
                _QUERY_CHARACTERS,
            )


def measured(family: Family, reader: TimeLimited) -> list[float]:
    """Processor seconds at each size, the least of some; infinite where it was ended."""
    seconds: list[float] = []
    for size in family.sizes:
        given = family.make(size)
        try:
            seconds.append(min(reader.cpu_s(given) for _ in range(_REPEATS)))
        except TookTooLong:
            return [*seconds, inf]
    return seconds


def growth(seconds: list[float]) -> float | None:
    """Times longer for each doubling, over the sizes that can be measured; None if none can."""
    counted = [second for second in seconds if second >= _LEAST_S]
    if len(counted) < 2:
        return None
    return float((counted[-1] / counted[0]) ** (1 / (len(counted) - 1)))


def main() -> int:
    """Measure all; 1 if any is steeper than linear."""
    steep: list[str] = []
    with TimeLimited(read, LIMIT_S) as reader:
        reader.cpu_s(Input("query", b"warm up"))
        for family in (*tables(), *headers(), *archives(), *queries()):
            seconds = measured(family, reader)
            ratio = growth(seconds)
            shown = "too short to tell" if ratio is None else f"{ratio:.2f}"
            each = " ".join(f"{1000 * second:.1f}" for second in seconds)
            sys.stdout.write(f"{shown:>18}  {family.name:<50} {each} ms\n")
            sys.stdout.flush()
            if ratio is not None and ratio > STEEPEST:
                steep.append(family.name)
    sys.stdout.write(f"steeper than {STEEPEST}: {', '.join(steep) or 'none'}\n")
    return 1 if steep else 0


if __name__ == "__main__":
    sys.exit(main())
