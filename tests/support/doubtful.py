"""Members of each kind of doubtful file, made from one recording, and what each should come to.

Used by the property tests and by the table in docs/measured (`tests.benchmarks.doubtful_files`),
which runs on older versions of the project too: so nothing newer than the readers' first form is
needed here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from ecg_core.leads import LEADS
from ecg_core.readers import StatedFacts, UploadedFile

Samples = NDArray[np.float64]
RATES_HZ = (100, 125, 250, 360, 500, 1000)
ROWS = 2600


@dataclass(frozen=True)
class Member:
    """One upload of a kind.

    Attributes:
        files: What is sent.
        stated: What the request states.
        samples_mv: The right samples, shape (lead, sample); None where it has to be refused.
        rate_hz: The right rate.
        warned: Whether a warning is enough, the recording being what the file says.
    """

    files: list[UploadedFile]
    stated: StatedFacts
    samples_mv: Samples | None
    rate_hz: float = 500.0
    warned: str | None = None


def samples_of(random: Random, rows: int = ROWS) -> Samples:
    """Twelve leads of whole microvolts that satisfy Einthoven's equations, in mV."""
    generator = np.random.default_rng(random.randrange(2**32))
    steps = generator.normal(0.0, 60.0, (8, rows))
    kernel = np.hanning(15) / np.hanning(15).sum()
    smooth = [3 * np.convolve(row, kernel, "same") for row in steps]
    beats = 900.0 * (np.arange(rows) % 90 == 40) + 400.0 * (np.arange(rows) % 90 == 41)
    first, second = (2 * np.round((each + beats) / 2) for each in smooth[:2])
    chest = [np.round(each + (1 + n / 3) * beats) for n, each in enumerate(smooth[2:])]
    third, right = second - first, -(first + second) / 2
    limb = [first, second, third, right, first - second / 2, second - first / 2]
    return np.array([*limb, *chest]) / 1000.0


def written(cell: Callable[[float], str], samples: Samples, separator: str = ",") -> list[str]:
    """A line for each sample, a cell for each lead."""
    return [separator.join(map(cell, row)) for row in samples.T]


def table(lines: list[str]) -> list[UploadedFile]:
    """The file of these lines."""
    return [UploadedFile("recording.csv", ("\n".join(lines) + "\n").encode())]


def millivolts(value: float) -> str:
    return f"{value:.3f}"


def numbered_headers(random: Random) -> Iterator[Member]:
    """Column numbers as a header, with and without an index."""
    samples = samples_of(random)
    stated = StatedFacts(500.0, 1.0, LEADS)
    lines = written(millivolts, samples)
    for start in (0, 1):
        numbers = ",".join(str(n) for n in range(start, start + 12))
        yield Member(table([numbers, *lines]), stated, samples)
        indexed = [f"{n},{line}" for n, line in enumerate(lines)]
        yield Member(table(["," + numbers, *indexed]), stated, samples)
    microvolts = written(lambda value: f"{1000 * value:.0f}", samples)
    numbers = ",".join(map(str, range(12)))
    yield Member(table([numbers, *microvolts]), StatedFacts(500.0, 1000.0, LEADS), samples)


def first_lines(random: Random) -> Iterator[Member]:
    """Trailing separators, a first row that is broken, a row of words below the header."""
    samples = samples_of(random)
    separator = random.choice(",;\t")
    stated = StatedFacts(500.0, 1.0, LEADS)
    lines = written(millivolts, samples, separator)
    header = separator.join(LEADS)
    yield Member(table([line + separator for line in lines]), stated, samples)
    yield Member(table([line + separator for line in [header, *lines]]), stated, samples)
    cells = lines[0].split(separator)
    cells[random.randrange(1, 12)] = random.choice(["NA", "N/A", "-", "null", "lead off"])
    yield Member(table([separator.join(cells), *lines[1:]]), stated, None)
    missing = separator.join([random.choice(["NA", "n/a", "-", "null"])] * 12)
    yield Member(table([missing, *lines[1:]]), stated, None)
    word = random.choice(["NA", "lead off", "x", "ohne"])
    yield Member(table([header, separator.join([word] * 12), *lines]), stated, None)
    units = separator.join(["mV"] * 12)
    yield Member(table([header, units, *lines]), StatedFacts(500.0), samples)


def counters(random: Random) -> Iterator[Member]:
    """Counters that run through, and that jump."""
    samples = samples_of(random)
    lines = written(millivolts, samples)
    names = ",".join(f"{lead} (mV)" for lead in LEADS)
    start, at, jump = random.randrange(5), random.randrange(10, ROWS - 10), random.randrange(2, 300)
    name = random.choice(["sample", "n", "", "index", "frame_no", "Lfd"])
    whole = [start + n for n in range(ROWS)]
    jumping = [n + jump * (n >= at) for n in whole]
    back = [n if n < at else n - at for n in range(ROWS)]
    stated = StatedFacts(500.0)
    for counter, right in ((whole, samples), (jumping, None), (back, None)):
        if counter is back and name in ("frame_no", "Lfd"):
            continue  # any measurement may fall
        rows = [f"{n},{line}" for n, line in zip(counter, lines, strict=True)]
        yield Member(table([f"{name},{names}", *rows]), stated, right)


def times(random: Random) -> Iterator[Member]:
    """Times, with the right rate and a wrong one."""
    yield from _times_first(random)
    yield from _clocks_anywhere(random)


def _times_first(random: Random) -> Iterator[Member]:
    """Under any name; rounded; of packets; of clocks."""
    rate_hz = float(random.choice(RATES_HZ))
    wrong_hz = rate_hz * random.choice([0.5, 2.0]) if rate_hz != 1000 else 500.0
    samples = samples_of(random)
    lines = written(millivolts, samples)
    names = ",".join(f"{lead} (mV)" for lead in LEADS)
    exact = [n / rate_hz for n in range(ROWS)]
    name = random.choice(["", "Zeitpunkt", "elapsed", "x", "timestamp_sec", "idx"])
    unit_s = 1.0 if name.endswith("sec") else random.choice([1.0, 1e-3])
    wrong_hz = wrong_hz if 50 <= wrong_hz <= 2000 else 500.0

    def member(head: str, cells: list[str], stated_hz: float | None, right: bool) -> Member:
        rows = [f"{cell},{line}" for cell, line in zip(cells, lines, strict=True)]
        expected = samples if right else None
        return Member(table([f"{head},{names}", *rows]), StatedFacts(stated_hz), expected, rate_hz)

    plain = [f"{t / unit_s:.9g}" for t in exact]
    is_count = rate_hz == 1000 and unit_s == 1e-3  # 0, 1, 2 may count
    yield member(name, plain, rate_hz, right=True)
    if not is_count:
        yield member(name, plain, wrong_hz, right=False)
    yield member("time (s)", [f"{t:.3f}" for t in exact], rate_hz, right=True)
    size = random.randrange(2, 40)
    packets = [f"{n // size * size / rate_hz:.6f}" for n in range(ROWS)]
    yield member("time (s)", packets, rate_hz, right=True)
    lost = [f"{(n + (n >= 200)) // size * size / rate_hz:.6f}" for n in range(ROWS)]
    if size > 2:
        yield member("time (s)", lost, rate_hz, right=False)
    clock = [f"{int(t // 3600)}:{int(t // 60) % 60:02d}:{t % 60:06.3f}" for t in exact]
    yield member("time", clock, rate_hz, right=True)
    seconds = [f"0:00:{int(t):02d}" for t in exact]
    if ROWS / rate_hz > 2:
        yield member("Elapsed time", seconds, rate_hz, right=True)
    odd_hz = float(random.choice([960, 720, 800]))
    rounded = [f"{n / odd_hz:.3f}" for n in range(ROWS)]
    odd = member("time (s)", rounded, odd_hz, right=True)
    yield Member(odd.files, odd.stated, odd.samples_mv, odd_hz)


def _clocks_anywhere(random: Random) -> Iterator[Member]:
    """Times of the clock in any column, alone or beside others."""
    rate_hz = float(random.choice(RATES_HZ))
    wrong_hz = rate_hz * 2.0 if rate_hz <= 500 else rate_hz / 2.0
    samples = samples_of(random)
    lines = written(millivolts, samples)
    names = ",".join(f"{lead} (mV)" for lead in LEADS)
    exact = [n / rate_hz for n in range(ROWS)]
    unit_s = random.choice([1.0, 1e-3])
    plain = [f"{t / unit_s:.9g}" for t in exact]
    start, place = random.choice([0.0, 36000.0, 43199.5]), random.randrange(1, 13)
    at = [start + t for t in exact]
    of_day = [f"{int(t // 3600)}:{int(t // 60) % 60:02d}:{t % 60:09.6f}" for t in at]
    called = random.choice(["", "Uhrzeit", "clock", "time", "hh:mm:ss"])

    def beside(cells: list[str], stated_hz: float | None, right: bool, **named: str) -> Member:
        """Clock times in another column than the first."""
        head, extra = named.get("called", called), named.get("extra", "")
        rows = [line.split(",") for line in lines]
        head_cells = names.split(",")
        for row, cell in zip([head_cells, *rows], [head, *cells], strict=True):
            row.insert(place, cell)
        body = [",".join(row) for row in rows]
        if extra:
            body = [f"{t},{line}" for t, line in zip(plain, body, strict=True)]
        table_lines = [extra + ",".join(head_cells), *body]
        expected = samples if right else None
        return Member(table(table_lines), StatedFacts(stated_hz), expected, rate_hz)

    yield beside(of_day, None, right=True)
    yield beside(of_day, wrong_hz, right=False)
    in_s = "time (s)," if unit_s == 1.0 else "time (ms),"
    yield beside(of_day, None, right=True, extra=in_s)
    yield beside([cell.split(".")[0] for cell in of_day], rate_hz, right=True, extra=in_s)
    lost_row = [*of_day[:200], *of_day[201:], of_day[-1]]
    yield beside(lost_row, None, right=False)
    cells = [f"{value:.3f}" for value in samples[0]]
    cells[random.randrange(ROWS)] = "0:01"  # of a column that is left out, else numbers
    yield beside(cells, rate_hz, right=False, called="other")


def thousands(random: Random) -> Iterator[Member]:
    """Microvolts with marks between thousands; and true decimals of three digits."""
    samples = samples_of(random) * random.choice([1.0, 2.0, 5.0])
    samples[:, 5] = 1.234  # at least one in each lead, beside whole numbers of two digits
    samples[:, 6] = 0.072
    mark = random.choice(".,")
    header = ";".join(f"{lead} (uV)" for lead in LEADS)

    def marked(value: float) -> str:
        return f"{round(1000 * value):,}".replace(",", mark)

    yield Member(table([header, *written(marked, samples, ";")]), StatedFacts(500.0), None)
    # A lead far from zero: each of its numbers is marked, and looks like a decimal.
    for places in ([random.randrange(12)], range(12)):
        far = samples.copy()
        for lead in places:
            far[lead] += random.choice([-1, 1]) * (1.1 + np.abs(far[lead]).max())
        yield Member(table([header, *written(marked, far, ";")]), StatedFacts(500.0), None)
    far = 20.0 + samples  # in mV, with three decimals, whatever the marks: no ECG by thousands
    header = header.replace("uV", "mV")
    decimals = written(lambda value: f"{value:.3f}".replace(".", mark), far, ";")
    yield Member(table([header, *decimals]), StatedFacts(500.0), far)
    decimals = written(lambda value: f"{value:.3f}".replace(".", mark), samples, ";")
    yield Member(table([header, *decimals]), StatedFacts(500.0), samples)
    shortest = written(lambda value: f"{value:.10g}".replace(".", mark), samples, ";")
    yield Member(table([header, *shortest]), StatedFacts(500.0), samples)


def spellings(random: Random) -> Iterator[Member]:
    """Separators and decimal commas as programs write them."""
    samples = samples_of(random)
    stated = StatedFacts(500.0, 1.0, LEADS)
    comma = lambda value: f"{value:.3f}".replace(".", ",")  # noqa: E731
    for separator in ";|\t ":
        head = separator.join(LEADS)
        yield Member(table([head, *written(millivolts, samples, separator)]), stated, samples)
        yield Member(table([head, *written(comma, samples, separator)]), stated, samples)
    yield Member(table(["sep=;", ";".join(LEADS), *written(comma, samples, ";")]), stated, samples)
    quoted = written(lambda value: f'"{comma(value)}"', samples)
    yield Member(table([",".join(LEADS), *quoted]), stated, samples)
    yield Member(table([",".join(LEADS), *written(comma, samples)]), stated, None)
    yield Member(table(written(lambda value: f"{value:.18e}", samples, " ")), stated, samples)
    in_lines = written(lambda value: f"{value:.18e}", samples.T)
    yield Member(table(in_lines), stated, samples)


def wfdb(
    samples: Samples,
    *,
    rate: str = f" 500 {ROWS}",
    names: tuple[str, ...] = LEADS,
    fingerprints: bool = True,
    split: int = 12,
) -> tuple[str, list[bytes]]:
    """Header and signal files of a record `a`; a second file `a2.dat` from the split lead on."""
    digital = np.round(1000 * samples).astype("<i2")
    lines = [f"a 12{rate}"]
    for number, (row, name) in enumerate(zip(digital, names, strict=True)):
        total = (int(row.sum(dtype=np.int64)) + 2**15) % 2**16 - 2**15
        said = f"{row[0]} {total}" if fingerprints else "0 0"
        file = "a.dat" if number < split else "a2.dat"
        lines.append(f"{file} 16 1000/mV 16 0 {said} 0 {name}")
    parts = [digital[:split], digital[split:]]
    return "\n".join(lines) + "\n", [part.T.tobytes() for part in parts if len(part)]


def crossed_pairs(random: Random) -> Iterator[Member]:
    """A header with the samples of another recording."""
    samples = samples_of(random)
    others = samples_of(Random(random.randrange(2**32) + 1))
    named = random.choice(["b.dat", "p0002.dat", "x/b.dat"])
    for fingerprints in (True, False):
        header, _ = wfdb(samples, fingerprints=fingerprints)
        _, (content,) = wfdb(others)
        files = [UploadedFile("a.hea", header.encode()), UploadedFile(named, content)]
        yield Member(files, StatedFacts(), None)
        # Under the right name nothing tells, but that the header says nothing.
        files = [files[0], UploadedFile("a.dat", content)]
        right = None if fingerprints else others
        yield Member(files, StatedFacts(), right, warned="samples_unverified")
    header, _ = wfdb(samples, fingerprints=False)
    _, (shifted,) = wfdb(others + random.choice([-4.0, 5.0]))
    files = [UploadedFile("a.hea", header.encode()), UploadedFile("a.dat", shifted)]
    yield Member(files, StatedFacts(), None)


def statements(random: Random) -> Iterator[Member]:
    """What a request states and a WFDB header says, lacks or contradicts."""
    samples = samples_of(random)

    def member(stated: StatedFacts, right: bool, **options: object) -> Member:
        header, (content,) = wfdb(samples, **options)  # type: ignore[arg-type]
        files = [UploadedFile("a.hea", header.encode()), UploadedFile("a.dat", content)]
        return Member(files, stated, samples if right else None)

    order = list(LEADS)
    random.shuffle(order)
    channels = tuple(f"ECG{n}" for n in range(12))
    yield member(StatedFacts(None, random.choice([1000.0, 200.0, 5.0])), right=False)
    if tuple(order) != LEADS:
        yield member(StatedFacts(None, None, tuple(order)), right=False)
    yield member(StatedFacts(None, None, LEADS[:6]), right=False)
    yield member(StatedFacts(random.choice([100.0, 250.0, 1000.0])), right=False)
    yield member(StatedFacts(500.0, 1.0, LEADS), right=True)
    yield member(StatedFacts(500.0), right=True, rate="")
    yield member(StatedFacts(None, None, LEADS), right=True, names=channels)
    yield member(StatedFacts(), right=False, names=channels)


def wild_samples(random: Random) -> Iterator[Member]:
    """A sentinel, or a spike of hundreds of millivolts, in one lead or in all."""
    samples = samples_of(random)
    at, length = random.randrange(20, 1900), random.choice([1, 1, 2, 5])
    value = random.choice([-32.768, 32.767, -9.999, 327.68, 500.0, -160.0])
    lead = random.randrange(12)
    samples[lead, at : at + (1 if abs(value) < 10 else length)] = value
    header = ",".join(f"{name} (mV)" for name in LEADS)
    files = table([header, *written(millivolts, samples)])
    yield Member(files, StatedFacts(500.0), samples, warned="wild_sample")


def records(random: Random) -> Iterator[Member]:
    """WFDB records in the shapes that databases have."""
    samples = samples_of(random)
    split = random.randrange(1, 12)
    header, contents = wfdb(samples, split=split)
    files = [UploadedFile("a.hea", header.encode())]
    names = ["a.dat", "a2.dat"]
    files += [UploadedFile(n, content) for n, content in zip(names, contents, strict=True)]
    yield Member(files, StatedFacts(), samples)
    yield Member(files[:2], StatedFacts(), None)
    header, (content,) = wfdb(samples)
    pair = [UploadedFile("a.hea", header.encode()), UploadedFile("a.dat", content)]
    for beside in ("LICENSE.txt", "RECORDS", "a.atr", "a.xyz", "SHA256SUMS.txt"):
        yield Member([*pair, UploadedFile(beside, b"a\n")], StatedFacts(), samples)
    spelt = header.replace(" V1\n", random.choice([" V1 # noisy\n", " V 1\n", " Lead V1\n"]))
    yield Member([UploadedFile("a.hea", spelt.encode()), pair[1]], StatedFacts(), samples)
    segments = UploadedFile("m.hea", b"m/2 12 500 800\na 400\nb 400\n")
    yield Member([segments, *pair], StatedFacts(), None)
    yield Member([pair[0], UploadedFile("a.dat", content + b"\0")], StatedFacts(), None)


KINDS: dict[str, Callable[[Random], Iterator[Member]]] = {
    "column numbers as a header": numbered_headers,
    "first lines": first_lines,
    "counters": counters,
    "times": times,
    "thousands marks": thousands,
    "separators and decimal marks": spellings,
    "crossed pairs": crossed_pairs,
    "statements and headers": statements,
    "wild samples": wild_samples,
    "shapes of records": records,
}
