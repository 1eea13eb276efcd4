"""Leave-conditions-out: each group of conditions is kept from training, then asked by text.

For each group every method is trained without their labels, without wordings of other conditions
that name them and without reports that mention them. Then it is asked for them by name and
description, and as the service asks what was not trained: by the signs that the catalogue states.
Writes `leave_out/<group>/<method>.npz` of the run and skips what is there. No figure is made here;
`model_training.recipes.evaluate` reads the files.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue
from model_training.data.other_hospitals import OtherHospitals, load_other_hospitals
from model_training.data.ptbxl import TEST_FOLD, VALIDATION_FOLD, load_ptbxl
from model_training.entities.masking import LeftOut
from model_training.leave_out import GROUPS, Group
from model_training.peers import PeersConfig, Scorer, load_peers_config
from model_training.recipes.config import Run, add_run_arguments, run_from
from model_training.recipes.methods import METHODS, config_of
from model_training.recipes.workbench import Workbench, open_workbench

PEERS = Path(__file__).with_name("configs") / "peers.yaml"


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

    def save(self, path: Path) -> None:
        """Write it; a kill half way leaves nothing under this name."""
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, **vars(self))
        partial.rename(path)

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
        )

    def part(self, *parts: str) -> NDArray[np.bool_]:
        """Which recordings are in these parts."""
        return np.isin(self.parts, parts)


def leave_out_file(run: Run, group: str, method: str) -> Path:
    """Where a method's answers of a group lie."""
    return run.folder / "leave_out" / group / f"{method}.npz"


def read_asked(run: Run, method: str, groups: Sequence[Group]) -> Asked | None:
    """A method's answers of all groups; None unless it has every one."""
    files = [leave_out_file(run, group.name, method) for group in groups]
    if not all(file.exists() for file in files):
        return None
    return Asked.side_by_side([Asked.load(file) for file in files])


def run_with_left_out(run: Run) -> Run:
    """The run of the same name with `-leave-out` behind it, if there is one, or this one.

    Each method is trained once for each group: that may need a configuration of its own.
    """
    folder = run.folder.with_name(f"{run.folder.name}-leave-out")
    return replace(run, folder=folder) if folder.is_dir() else run


def ask(bench: Workbench, scorer: Scorer, group: Group) -> Asked:
    """Ask a trained method for the conditions of the group, of folds 9, 10 and other hospitals."""
    run, catalogue = bench.run, Catalogue.load()
    spec = run.config.preprocessing
    whole = load_ptbxl(run.shared, spec, catalogue, bench.embedder.cache)
    asked = tuple(name for name in group.conditions if name in whole.conditions)
    columns = [whole.conditions.index(name) for name in asked]
    conditions = [catalogue.get(name) for name in asked]
    by_name, by_signs = (
        torch.from_numpy(embedded(conditions))
        for embedded in (bench.embedder.conditions, bench.embedder.untrained)
    )
    rows = whole.rows(VALIDATION_FOLD, TEST_FOLD)
    others = load_other_hospitals(run.shared, spec, catalogue)
    windows = torch.from_numpy(np.concatenate([whole.windows[rows], others.windows]))
    similarity, nearest = (by_name @ bench.canonical.T).max(dim=1)
    return Asked(
        ids=np.array([*map(str, whole.ecg_ids[rows]), *others.recording_ids]),
        parts=np.array([*(f"fold {fold}" for fold in whole.folds[rows]), *others.hospitals]),
        conditions=asked,
        logits=scorer.logits(windows, by_name).float().numpy(),
        logits_by_signs=scorer.logits(windows, by_signs).float().numpy(),
        labels=np.concatenate([whole.targets[rows][:, columns], _labels(others, asked)]),
        nearest=tuple(bench.recordings.conditions[row] for row in nearest.tolist()),
        similarity=similarity.numpy(),
        similarity_by_signs=(by_signs @ bench.canonical.T).amax(dim=1).numpy(),
    )


def _labels(others: OtherHospitals, conditions: tuple[str, ...]) -> NDArray[np.float32]:
    nothing = np.full(len(others.recording_ids), np.nan, dtype=np.float32)
    said = dict(zip(others.conditions, others.targets.T, strict=True))
    return np.stack([said.get(name, nothing) for name in conditions], axis=1)


def leave_out(run: Run, group: Group, method: str, peers: PeersConfig) -> Path:
    """Train one method without one group and write its answers, unless they are there."""
    file = leave_out_file(run, group.name, method)
    if file.exists():
        print(f"{file}: is there")
        return file
    left_out = LeftOut(group.conditions, Catalogue.load())
    bench = open_workbench(
        replace(run, config=config_of(method, run.config)),
        left_out,
        relabel=lambda recordings: recordings.without(group.nearly_the_same),
    )
    own = file.with_suffix("")
    own.mkdir(parents=True, exist_ok=True)
    bench = replace(bench, run=replace(bench.run, folder=own))
    scorer = METHODS[method](bench, peers, file.parent / "warm_up")
    ask(bench, scorer, group).save(file)
    print(f"{file}: written")
    return file


def main() -> None:
    """Train what is asked for; run again to go on after a kill."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_run_arguments(parser)
    names = [group.name for group in GROUPS]
    parser.add_argument("--peers", type=Path, default=PEERS, help="YAML file of the peers")
    parser.add_argument("--group", choices=names, action="append", help="all unless given")
    parser.add_argument("--method", choices=[*METHODS, "all"], default="all")
    arguments = parser.parse_args()
    run, peers = run_from(arguments), load_peers_config(arguments.peers)
    for group in GROUPS:
        if arguments.group and group.name not in arguments.group:
            continue
        for method in METHODS if arguments.method == "all" else (arguments.method,):
            leave_out(run, group, method, peers)


if __name__ == "__main__":
    main()
