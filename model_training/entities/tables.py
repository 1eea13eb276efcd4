"""Tables of reports, read chunk by chunk; what is wrong with them is listed, not guessed around."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ecg_core.files import file_digest
from model_training.entities.config import EntitiesConfig

_MOST_FAULTS = 20


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One recording's row.

    Attributes:
        id: The recording's id.
        report: Its report; empty if it has none.
        codes: The cell with its codes as it stands, if codes are read.
    """

    id: str
    report: str
    codes: object = None


class TableFaults(ValueError):
    """The tables cannot be read; `faults` says why, with rows by number, never by content."""

    def __init__(self, faults: Sequence[str]) -> None:
        shown = [*faults[:_MOST_FAULTS]]
        if len(faults) > _MOST_FAULTS:
            shown.append(f"and {len(faults) - _MOST_FAULTS} more")
        super().__init__("\n".join(shown))
        self.faults = tuple(faults)


def check_tables(config: EntitiesConfig, shared: Path) -> None:
    """Look at the files and their columns before anything is read.

    Raises:
        TableFaults: Files or columns are not there; all are named.
    """
    faults = [fault for file in config.reports.files for fault in _faults(config, shared / file)]
    if config.scp is not None and not (shared / config.scp.statements).is_file():
        faults.append(f"{config.scp.statements}: there is no such file")
    if faults:
        raise TableFaults(faults)


def table_digests(config: EntitiesConfig, shared: Path) -> dict[str, str]:
    """SHA-256 of each file that labels are made from."""
    files = [*config.reports.files, *([config.scp.statements] if config.scp else [])]
    return {str(file): file_digest(shared / file) for file in files}


def read_chunks(config: EntitiesConfig, shared: Path) -> Iterator[list[ReportRow]]:
    """All rows of all files, at most `config.chunk` at a time.

    Raises:
        TableFaults: A row has no id, or a file is no CSV.
    """
    for file in config.reports.files:
        path = shared / file
        texts = _text_columns(config.reports.text, _columns(path))
        codes = config.scp.column if config.scp else None
        wanted = [config.reports.id, *texts, *([codes] if codes else [])]
        try:
            # As text: "007" and 7 are different ids.
            with pd.read_csv(path, usecols=wanted, dtype=str, chunksize=config.chunk,
                             keep_default_na=False) as reader:  # fmt: skip
                for number, table in enumerate(reader):
                    yield _rows(table, config, texts, codes, f"{file}: ", number * config.chunk)
        except (pd.errors.ParserError, UnicodeDecodeError) as error:
            raise TableFaults([f"{file}: not a CSV in UTF-8"]) from error


def _rows(
    table: pd.DataFrame,
    config: EntitiesConfig,
    texts: Sequence[str],
    codes: str | None,
    file: str,
    first: int,
) -> list[ReportRow]:
    ids = [_plain_id(cell) for cell in table[config.reports.id]]
    if nameless := [first + number for number, i in enumerate(ids, start=1) if not i]:
        raise TableFaults([f"{file}row {number} has no id" for number in nameless])
    columns = [table[name].tolist() for name in texts]
    reports = (
        config.reports.joiner.join(filter(str.strip, parts)) for parts in zip(*columns, strict=True)
    )
    cells = table[codes].tolist() if codes else [None] * len(table)
    return [ReportRow(*row) for row in zip(ids, reports, cells, strict=True)]


def _plain_id(cell: str) -> str:
    # A column of integers in which some are missing is written with ".0".
    return re.sub(r"^(\d+)\.0$", r"\1", cell.strip())


def _faults(config: EntitiesConfig, path: Path) -> list[str]:
    if not path.is_file():
        return [f"{path.name}: there is no such file"]
    try:
        there = _columns(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError):
        return [f"{path.name}: not a CSV in UTF-8"]
    wanted = [config.reports.id, *([config.scp.column] if config.scp else [])]
    missing = [name for name in wanted if name not in there]
    missing += [name for name in config.reports.text if not _text_columns([name], there)]
    return [f"{path.name}: there is no column {name}" for name in missing]


def _columns(path: Path) -> list[str]:
    return list(pd.read_csv(path, nrows=0).columns)


def _text_columns(wanted: Sequence[str], there: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in wanted:
        if name.endswith("*"):
            numbers = (re.fullmatch(rf"{re.escape(name[:-1])}(\d+)", column) for column in there)
            numbered = sorted((int(match[1]), match[0]) for match in numbers if match)
            found += [column for _, column in numbered]
        elif name in there:
            found.append(name)
    return found
