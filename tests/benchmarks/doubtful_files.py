"""Doubtful files, read right, refused or wrong: `python -m tests.benchmarks.doubtful_files`.

Makes members of each kind (`tests.support.doubtful`), reads and checks them, and prints a row a
kind of the table in docs/measured/doubtful-files.md. An older version is measured by a copy of
these two files in a checkout of it.
"""

import sys
from collections import Counter
from random import Random

import numpy as np

from ecg_core.errors import InputError
from ecg_core.quality import check_recording
from ecg_core.readers import read_recording
from tests.support.doubtful import KINDS, Member

ROUNDS = 20
RIGHT, REFUSED, WRONG, NEEDLESS = "right", "refused", "wrong", "needlessly refused"


def outcome(member: Member) -> str:
    """What became of a member: the last two are faults."""
    try:
        recording = read_recording(member.files, member.stated)
        report = check_recording(recording)
    except InputError:
        # A sentinel may be refused as well as warned of.
        is_right = member.samples_mv is None or member.warned is not None
        return REFUSED if is_right else NEEDLESS
    if member.samples_mv is None:
        return WRONG
    notes = getattr(recording, "notes", ())
    said = {each.code.value for each in (*report.warnings, *notes)}
    if member.warned is not None and not said & {member.warned, "burst"}:
        return WRONG
    same = recording.samples_mv.shape == member.samples_mv.shape and np.allclose(
        recording.samples_mv, member.samples_mv, atol=1e-4
    )
    return RIGHT if same and abs(recording.sampling_rate_hz - member.rate_hz) < 0.5 else WRONG


def main() -> None:
    """Print the table."""
    columns = (RIGHT, REFUSED, NEEDLESS, WRONG)
    sys.stdout.write(f"| Kind | Members | {' | '.join(columns)} |\n|---|" + "--:|" * 5 + "\n")
    for kind, make in KINDS.items():
        counts = Counter(outcome(each) for seed in range(ROUNDS) for each in make(Random(seed)))
        numbers = " | ".join(str(counts[column]) for column in columns)
        sys.stdout.write(f"| {kind} | {counts.total()} | {numbers} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
