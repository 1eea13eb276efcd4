"""Builders of small public releases, each in the layout in which it is downloaded."""

from collections.abc import Iterable
from pathlib import Path

from ecg_core.recording import Recording
from tests.builders import make_recording, make_wfdb


def write_record(
    stem: Path,
    recording: Recording | None = None,
    *,
    matlab: bool = False,
    comments: Iterable[str] = (),
) -> None:
    """A WFDB record under this name; comments are whole lines, with their `#`."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    for file in make_wfdb(recording or make_recording(), matlab=matlab):
        content = file.content
        if file.suffix == ".hea":
            text = content.decode().replace("record", stem.name)
            content = (text + "".join(f"{line}\n" for line in comments)).encode()
        stem.with_name(stem.name + file.suffix).write_bytes(content)
