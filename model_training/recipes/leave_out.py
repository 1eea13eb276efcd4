"""Leave-conditions-out: each group of conditions is kept from training, then asked by text.

For each group every method is trained without their labels, without wordings of other conditions
that name them and without reports that mention them. Then it is asked for them by name and
description, by the signs that the catalogue states, and in five ways as the service reads them.
Writes `leave_out/<group>/<method>.npz` of the run and skips what is there. No figure is made here;
`model_training.recipes.evaluate` reads the files.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecg_core.conditions import Catalogue, Condition
from ecg_core.statistics.calibration_fit import fit_calibration
from model_training.data.labelled import TEST_FOLD, VALIDATION_FOLD, LabelledRecordings
from model_training.data.other_hospitals import OtherHospitals, load_other_hospitals
from model_training.entities.labels.masking import LeftOut
from model_training.evaluation.cuts import cut_out, cuts_of, without
from model_training.evaluation.five_ways import (
    BY_SIGNS,
    FiveWays,
    OnDemand,
    read_prompts,
)
from model_training.evaluation.groups import GROUPS, Group
from model_training.evaluation.left_out import (
    Asked,
    InWords,
    LeftOutGroup,
    foreign,
    leave_out_file,
    provenance_name,
    seeded,
    told_of,
)
from model_training.evaluation.left_out_figures import left_out_figures
from model_training.evaluation.unseen import OURS
from model_training.evaluation.unseen_ways import evaluate_alone
from model_training.peers import PeersConfig, Scorer, load_peers_config
from model_training.peers.ked import KedNetwork
from model_training.recipes.evaluate import left_out_as_published
from model_training.reporting import pages
from model_training.reporting.report import PUBLISHED
from model_training.reporting.report_unseen import render_unseen, render_unseen_elsewhere
from model_training.run.config import (
    Run,
    add_run_arguments,
    command_of,
    figures_argument,
    run_from,
)
from model_training.run.methods import METHODS, RULES, NetworkScorer, SignRules, config_of
from model_training.run.provenance import (
    OF_RECORDINGS,
    Provenance,
    WrongRun,
    differences,
    provenance_of,
    read_provenance,
    write_provenance,
)
from model_training.run.recordings import load_recordings
from model_training.run.workbench import Workbench, open_workbench
from model_training.text.wordings import QueryEmbedder

OwnQueries = NetworkScorer | SignRules
PEERS = Path(__file__).with_name("configs") / "peers.yaml"


def ask(bench: Workbench, scorer: Scorer, group: Group) -> Asked:
    """Ask a trained method for the conditions of the group, of folds 9, 10 and other hospitals."""
    run, catalogue = bench.run, Catalogue.load()
    spec = run.config.preprocessing
    whole = bench.whole or bench.recordings
    asked = tuple(name for name in group.conditions if name in whole.conditions)
    columns = [whole.conditions.index(name) for name in asked]
    conditions = [catalogue.get(name) for name in asked]
    rows = whole.rows(VALIDATION_FOLD, TEST_FOLD)
    others = load_other_hospitals(run.shared, spec, catalogue)
    windows = torch.from_numpy(np.concatenate([whole.windows[rows], others.windows]))
    parts = np.array([*(f"fold {fold}" for fold in whole.folds[rows]), *others.hospitals])
    by_name, by_signs = (
        torch.from_numpy(embedded(conditions)) @ bench.canonical.T
        for embedded in (bench.embedder.conditions, bench.embedder.untrained)
    )
    similarity, nearest = by_name.max(dim=1)
    five = FiveWays(bench.recordings.conditions, bench.hidden, read_prompts(run.shared))
    answers = _answers(bench, scorer, five, conditions, windows, parts == f"fold {VALIDATION_FOLD}")
    return Asked(
        ids=np.array([*map(str, whole.ecg_ids[rows]), *others.recording_ids]),
        parts=parts,
        conditions=asked,
        logits=answers["name"],
        logits_by_signs=answers["signs"],
        labels=np.concatenate([whole.published[rows][:, columns], _labels(others, asked)]),
        nearest=tuple(bench.recordings.conditions[row] for row in nearest.tolist()),
        similarity=similarity.numpy(),
        similarity_by_signs=by_signs.amax(dim=1).numpy(),
        ways=answers["ways"],
    )


def _by_signs(embedder: QueryEmbedder) -> QueryEmbedder:
    """Asks an untrained condition by its signs, whatever the configuration of ours says."""
    prompts = embedder.prompts.model_copy(update={"untrained_by_signs": True})
    return replace(embedder, prompts=prompts)


class _Answers(TypedDict):
    name: NDArray[np.float32]
    signs: NDArray[np.float32]
    ways: Mapping[str, InWords]


def _answers(
    bench: Workbench,
    scorer: Scorer,
    five: FiveWays,
    conditions: Sequence[Condition],
    windows: Tensor,
    chosen: NDArray[np.bool_],
) -> _Answers:
    """All answers of a method.

    Args:
        bench: What it was trained on.
        scorer: The method.
        five: Reads and composes.
        conditions: What is asked.
        windows: Of whom: shape (recording, lead, sample).
        chosen: Which of them are fold 9's: they calibrate the method on what was trained.
    """
    queries = scorer.queries if isinstance(scorer, OwnQueries) else _by_signs(bench.embedder)
    askings = five.askings(conditions)
    needed = five.needs(askings)
    worded = {
        way: [each.text for each in asked if each.text is not None]
        for way, asked in askings.items()
    }
    put = {
        "name": queries.conditions(conditions),
        "signs": queries.untrained(conditions),
        "trained": queries.conditions(bench.conditions),
        "leaves": five.rows(needed, queries),
        **{way: queries.free_texts(texts) for way, texts in worded.items() if texts},
    }
    given = scored(scorer, windows, put)
    rows = bench.recordings.rows(VALIDATION_FOLD)
    calibration = fit_calibration(
        given["trained"][chosen].astype(np.float64), bench.recordings.targets[rows].astype(float)
    )
    measured = [OnDemand(window, bench.run.config.preprocessing) for window in windows.numpy()]
    alone = {BY_SIGNS: given["signs"], **given}
    ways = {
        way: InWords(
            alone[way],
            five.answers(asked, needed, given["leaves"], calibration, measured),
            np.array([each.condition for each in asked]),
        )
        for way, asked in askings.items()
        if asked
    }
    return {"name": given["name"], "signs": given["signs"], "ways": ways}


def scored(
    scorer: Scorer, windows: Tensor, put: Mapping[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """Logits (recording, query) of each part of what is put to a method."""
    tensors = {name: torch.from_numpy(rows) for name, rows in put.items()}
    if isinstance(scorer, KedNetwork):  # its answers depend on what is asked beside
        return {n: scorer.logits(windows, rows).float().numpy() for n, rows in tensors.items()}
    logits = scorer.logits(windows, torch.cat([*tensors.values()])).float()
    parts = logits.split([len(rows) for rows in put.values()], dim=1)
    return {name: part.numpy() for name, part in zip(put, parts, strict=True)}


def _labels(others: OtherHospitals, conditions: tuple[str, ...]) -> NDArray[np.float32]:
    nothing = np.full(len(others.recording_ids), np.nan, dtype=np.float32)
    said = dict(zip(others.conditions, others.targets.T, strict=True))
    return np.stack([said.get(name, nothing) for name in conditions], axis=1)


def leave_out(run: Run, group: Group, method: str, peers: PeersConfig) -> Path:
    """Train one method without one group and write its answers, unless they are there.

    Raises:
        WrongRun: What is there is of another configuration, other recordings or other labels.
    """
    file = leave_out_file(run, group.name, method)
    if file.exists():
        if faults := foreign(file, _origin(run, group, method, peers, load_recordings(run), file)):
            raise WrongRun([*faults, f"remove the folder {file.parent.name} to make them anew"])
        print(f"{file}: is there")
        return file
    bench = open_without(replace(run, config=config_of(method, run.config)), group)
    own, warm_up = file.with_suffix(""), file.parent / "warm_up"
    whole = bench.whole or bench.recordings
    _claim(own, _origin(run, group, method, peers, whole, None))
    if method != RULES:  # one warm-up for all; how peers are trained after it shapes it not
        _claim(warm_up, _origin(run, group, RULES, peers, whole, None))
    bench = replace(bench, run=replace(bench.run, folder=own))
    scorer = METHODS[method](bench, peers, warm_up)

    def keep(answers: Asked, path: Path) -> None:
        answers.save(path)
        origin = _origin(run, group, method, peers, whole, path)
        write_provenance(origin, path.parent, provenance_name(path))

    if isinstance(scorer, NetworkScorer):
        for name, cut in cuts_of(bench).items() if method == OURS else ():
            with cut_out(bench.network, cut):
                keep(ask(bench, scorer, group), leave_out_file(run, group.name, without(name)))
    keep(ask(bench, scorer, group), file)
    print(f"{file}: written")
    return file


def open_without(run: Run, group: Group) -> Workbench:
    """All that a training needs that knows nothing of a group."""
    return open_workbench(
        run,
        LeftOut(group.conditions, Catalogue.load()),
        relabel=lambda recordings: recordings.without(group.nearly_the_same),
    )


def _claim(folder: Path, origin: Provenance) -> None:
    """Refuse a folder with weights of something else; they would be read as if they were its own.

    Raises:
        WrongRun: It holds some.
    """
    if folder.is_dir() and any(folder.iterdir()):
        what = f"the weights in {folder.parent.name}/{folder.name}"
        compared = ("configuration", *OF_RECORDINGS)
        if faults := differences(what, read_provenance(folder), origin, compared):
            raise WrongRun([*faults, f"remove the folder {folder.parent.name} to make them anew"])
    folder.mkdir(parents=True, exist_ok=True)
    write_provenance(origin, folder)


def _origin(
    run: Run,
    group: Group,
    method: str,
    peers: PeersConfig,
    recordings: LabelledRecordings,
    file: Path | None,
) -> Provenance:
    """Of the answers of a method; how peers are trained shapes only theirs."""
    further = () if method in (OURS, RULES) else (peers,)
    left_out = LeftOutGroup(conditions=group.conditions, nearly_the_same=group.nearly_the_same)
    configured = replace(run, config=config_of(method, run.config))
    return provenance_of(configured, recordings, file, left_out, *further)


def write_figures(run: Run, groups: Sequence[Group], method: str, command: str, file: Path) -> None:
    """Write what one method reached on fold 10, by way, and where its answers come from.

    Raises:
        WrongRun: It has not answered every group.
    """
    ways = evaluate_alone(run, method, groups)
    if not ways:
        raise WrongRun([f"{method} was not asked for every group"])
    told = told_of(run, method, groups)
    found = {"command": command, "run": run.folder.name, "ways": ways, "provenance": told}
    pages.write_figures(file, found)


def write_report(run: Run, groups: Sequence[Group], command: str, file: Path) -> None:
    """Write ours beside every method that has answered all groups, as JSON and beside it as tables.

    Raises:
        WrongRun: Ours has not answered every group, or another has on other recordings or labels.
    """
    figures = left_out_figures(run, groups)
    if not figures:
        raise WrongRun([f"{OURS} was not asked for every group"])
    told = {method: told_of(run, method, groups) for method in METHODS}
    origins = [Provenance.model_validate(one) for each in told.values() for one in each.values()]
    if len({(origin.data, origin.labels) for origin in origins}) > 1:
        raise WrongRun(["the methods were asked on other recordings or labels"])
    published = left_out_as_published(PUBLISHED / "supreme" / "left_out.json", origins[0])
    results = {**figures, "as_published": {"left_out": published}}
    pages.write_figures(file, {"command": command, **results, "provenance": told})
    sections = (render_unseen(results), render_unseen_elsewhere(results))
    pages.write_page(file, "Left-out conditions", command, sections)


def main() -> None:
    """Train what is asked for; run again to go on after a kill."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_run_arguments(parser, trains=True)
    names = [group.name for group in GROUPS]
    parser.add_argument("--peers", type=Path, default=PEERS, help="YAML file of the peers")
    parser.add_argument("--group", choices=names, action="append", help="all unless given")
    parser.add_argument("--method", choices=[*METHODS, "all"], default="all")
    parser.add_argument("--seeds", type=int, default=1, help="train with so many seeds (1)")
    parser.add_argument(
        "--figures", type=Path, help="file for the figures of the one --method, or of all there are"
    )
    parser.add_argument("--only-figures", action="store_true", help="train and ask nothing")
    arguments = parser.parse_args()
    peers = load_peers_config(arguments.peers)
    # Weights of another configuration or other recordings are refused, so what is there is ours.
    begun = replace(run_from(arguments), resume=True)
    for run in () if arguments.only_figures else seeded(begun, arguments.seeds):
        for group in GROUPS:
            if arguments.group and group.name not in arguments.group:
                continue
            for method in METHODS if arguments.method == "all" else (arguments.method,):
                leave_out(run, group, method, peers)
    if arguments.figures is None:
        return
    one = () if arguments.method == "all" else ("--method", arguments.method)
    command = command_of("leave_out", arguments.config, *one, *figures_argument(arguments.figures))
    if one:
        write_figures(begun, GROUPS, arguments.method, command, arguments.figures)
    else:
        write_report(begun, GROUPS, command, arguments.figures)


if __name__ == "__main__":
    main()
