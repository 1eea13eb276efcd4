"""Answers of each method to the conditions that were left out of its training."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ecg_core.files import whole_file
from model_training.evaluation.groups import Group
from model_training.run.config import Run
from model_training.run.provenance import (
    FILE as PROVENANCE,
)
from model_training.run.provenance import (
    OF_RECORDINGS,
    OF_TRAINING,
    Provenance,
    WrongRun,
    differences,
    provenance_of,
    read_provenance,
)
from model_training.run.workbench import Workbench

FOLDER, _SEED = "leave_out", "-seed-"


@dataclass(frozen=True, eq=False)
class InWords:
    """Answers to one way of asking.

    Attributes:
        alone: By the text's embedding alone, or, by signs, by one query for all: (recording, text).
        composed: As the service reads and composes it, log odds; NaN where it gives none.
        condition: For each text the number of the condition that it asks for.
    """

    alone: NDArray[np.float32]
    composed: NDArray[np.float32]
    condition: NDArray[np.intp]

    @staticmethod
    def side_by_side(parts: Sequence["InWords"], conditions: Sequence[int]) -> "InWords":
        """Of groups of so many conditions, as one."""
        first = np.cumsum([0, *conditions[:-1]])
        return InWords(
            np.concatenate([part.alone for part in parts], axis=1),
            np.concatenate([part.composed for part in parts], axis=1),
            np.concatenate([part.condition + n for part, n in zip(parts, first, strict=True)]),
        )


@dataclass(frozen=True, eq=False)
class Asked:
    """What a method answered to the conditions that were kept from it.

    Attributes:
        ids: One a recording.
        parts: One a recording: `fold 9`, `fold 10`, or the hospital.
        conditions: Ids of the conditions asked.
        logits: Asked by name and description, shape (recording, condition).
        logits_by_signs: Asked as the service asks a condition that was not trained; same shape.
        labels: Shape (recording, condition): 1, 0, or NaN where nothing is said.
        nearest: For each condition the trained one whose text is nearest.
        similarity: Cosine of the two, shape (condition,).
        similarity_by_signs: The same of the query that asks by signs.
        ways: By each of the five ways of `model_training.evaluation.five_ways`.
    """

    ids: NDArray[np.str_]
    parts: NDArray[np.str_]
    conditions: tuple[str, ...]
    logits: NDArray[np.float32]
    logits_by_signs: NDArray[np.float32]
    labels: NDArray[np.float32]
    nearest: tuple[str, ...]
    similarity: NDArray[np.float32]
    similarity_by_signs: NDArray[np.float32]
    ways: Mapping[str, InWords]

    def save(self, path: Path) -> None:
        """Write it; a kill half way leaves nothing under this name."""
        with whole_file(path) as stream:
            plain = {name: value for name, value in vars(self).items() if name != "ways"}
            worded = {
                f"{way}/{part.name}": getattr(answers, part.name)
                for way, answers in self.ways.items()
                for part in fields(InWords)
            }
            np.savez(stream, **plain, **worded)

    @staticmethod
    def load(path: Path) -> "Asked":
        """Read what `save` wrote."""
        with np.load(path) as stored:
            return Asked(
                ids=stored["ids"],
                parts=stored["parts"],
                conditions=tuple(stored["conditions"].tolist()),
                logits=stored["logits"],
                logits_by_signs=stored["logits_by_signs"],
                labels=stored["labels"],
                nearest=tuple(stored["nearest"].tolist()),
                similarity=stored["similarity"],
                similarity_by_signs=stored["similarity_by_signs"],
                ways={
                    name.removesuffix("/alone"): InWords(
                        *(stored[name.replace("/alone", f"/{p.name}")] for p in fields(InWords))
                    )
                    for name in stored.files
                    if name.endswith("/alone")
                },
            )

    @staticmethod
    def side_by_side(groups: Sequence["Asked"]) -> "Asked":
        """Groups of conditions as one; they were asked on the same recordings."""

        def columns(name: str) -> NDArray[np.float32]:
            return np.concatenate([getattr(group, name) for group in groups], axis=-1)

        return Asked(
            ids=groups[0].ids,
            parts=groups[0].parts,
            conditions=tuple(name for group in groups for name in group.conditions),
            logits=columns("logits"),
            logits_by_signs=columns("logits_by_signs"),
            labels=columns("labels"),
            nearest=tuple(name for group in groups for name in group.nearest),
            similarity=columns("similarity"),
            similarity_by_signs=columns("similarity_by_signs"),
            ways={
                way: InWords.side_by_side(
                    [group.ways[way] for group in groups],
                    [len(group.conditions) for group in groups],
                )
                for way in groups[0].ways
            },
        )

    def part(self, *parts: str) -> NDArray[np.bool_]:
        """Which recordings are in these parts."""
        return np.isin(self.parts, parts)


def leave_out_file(run: Run, group: str, method: str) -> Path:
    """Where a method's answers of a group lie."""
    return run.folder / FOLDER / group / f"{method}.npz"


class LeftOutGroup(BaseModel):
    """What shapes answers beside a configuration: what was kept from training."""

    conditions: tuple[str, ...]
    nearly_the_same: tuple[str, ...]


def provenance_name(file: Path) -> str:
    """Name of the file that says where answers come from, beside them."""
    return f"{file.stem}.{PROVENANCE}"


def foreign(file: Path, expected: Provenance, compared: Collection[str] = OF_TRAINING) -> list[str]:
    """What is wrong with answers that are said to come from a run; empty if they do."""
    stated = read_provenance(file.parent, provenance_name(file))
    what = f"the answers {file.parent.name}/{file.name}"
    return differences(what, stated, expected, compared)


def refuse_foreign(bench: Workbench, groups: Sequence[Group]) -> None:
    """Refuse answers that do not belong to a trained run.

    They were made by trainings of their own, and so their configuration may be another; but each
    file is what its provenance says, and of the run's recordings and labels.

    Raises:
        WrongRun: With every fault.
    """
    faults = []
    for run in (first := run_with_left_out(bench.run), *other_seeds(first)):
        for file in (f for g in groups for f in (run.folder / FOLDER / g.name).glob("*.npz")):
            now = provenance_of(bench.run, bench.recordings, file)
            faults += foreign(file, now, (*OF_RECORDINGS, "weights"))
    if faults:
        raise WrongRun(faults)


def told_of(run: Run, method: str, groups: Sequence[Group]) -> dict[str, object]:
    """Where a method's answers come from, by group."""
    found = {
        group.name: read_provenance(file.parent, provenance_name(file))
        for group in groups
        for file in (leave_out_file(run, group.name, method),)
    }
    return {n: told.model_dump(mode="json") for n, told in found.items() if told is not None}


def read_asked(run: Run, method: str, groups: Sequence[Group]) -> Asked | None:
    """A method's answers of all groups; None unless it has every one."""
    files = [leave_out_file(run, group.name, method) for group in groups]
    if not all(file.exists() for file in files):
        return None
    return Asked.side_by_side([Asked.load(file) for file in files])


def seeded(run: Run, count: int) -> list[Run]:
    """A run, and the same with the seeds after its own, each in a folder beside it."""
    first = run.config.seed
    return [run] + [
        replace(
            run,
            config=run.config.model_copy(update={"seed": seed}),
            folder=run.folder.with_name(f"{run.folder.name}{_SEED}{seed}"),
        )
        for seed in range(first + 1, first + count)
    ]


def other_seeds(run: Run) -> list[Run]:
    """The runs that `seeded` made beside a run."""
    folders = run.folder.parent.glob(f"{run.folder.name}{_SEED}*")
    return [replace(run, folder=folder) for folder in sorted(folders)]


def run_with_left_out(run: Run) -> Run:
    """The run of the same name with `-leave-out` behind it, if there is one, or this one.

    Each method is trained once for each group: that may need a configuration of its own.
    """
    folder = run.folder.with_name(f"{run.folder.name}-leave-out")
    return replace(run, folder=folder) if folder.is_dir() else run
