"""Leaving conditions out from end to end, on a release of simulated recordings."""

from dataclasses import replace

import numpy as np
import pytest

from ecg_core.conditions import Catalogue
from model_training.entities import LeftOut
from model_training.evaluation.cuts import TOKEN_CUTS, without
from model_training.evaluation.five_ways import WAYS
from model_training.evaluation.groups import GROUPS, Group
from model_training.evaluation.left_out import (
    Asked,
    leave_out_file,
    provenance_name,
    refuse_foreign,
)
from model_training.evaluation.unseen import OURS
from model_training.peers import KedConfig, MerlConfig, PeersConfig
from model_training.recipes.leave_out import leave_out
from model_training.run.methods import METHODS, RULES, SUPREME
from model_training.run.provenance import WrongRun
from model_training.run.workbench import open_workbench
from tests.support.mini_release import (
    CLASSES,
    codes_of,
    make_published_run,
    make_run,
    write_other_hospital,
    write_release,
)

AF = "atrial-fibrillation"
GROUP = Group("rhythm", (AF, "brugada-pattern"), ("premature-ventricular-beat",))
PEERS = PeersConfig(
    merl=MerlConfig(dimension=8, hidden=8), ked=KedConfig(dimension=8, heads=2, feed_forward=8)
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    data = write_release(tmp_path_factory.mktemp("data"))
    write_other_hospital(data, "164889003,251146004")
    return make_published_run(data, tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_answers_what_was_kept_from_it(method, run):
    asked = Asked.load(leave_out(run, GROUP, method, PEERS))
    assert asked.conditions == (AF,)  # nobody here has the other, so nothing could be measured
    assert asked.logits.shape == asked.labels.shape == (17, 1)
    assert np.isfinite(asked.logits).all()
    assert (asked.part("fold 9").sum(), asked.part("fold 10").sum()) == (4, 12)
    for number, label in zip(asked.ids[:16], asked.labels[:16, 0], strict=True):
        assert label == ("AFIB" in codes_of(int(number)))
    assert asked.parts[16] == "chapman-ningbo"
    assert asked.labels[16, 0] == 1
    assert asked.nearest[0] not in {AF, *GROUP.nearly_the_same}
    assert asked.logits_by_signs.shape == asked.logits.shape
    # Rules know no names, SuPreME as published is asked by nothing else; and to fixed labels the
    # nearest condition is the same either way.
    one_way = method in (OURS, SUPREME, RULES, "fixed")
    assert np.array_equal(asked.logits_by_signs, asked.logits) == one_way
    assert -1 <= asked.similarity[0] < 1
    assert tuple(asked.ways) == WAYS[:-1]  # this release has no prompts of a third party
    for way in asked.ways.values():
        assert way.alone.shape == way.composed.shape == (17, len(way.condition))
        assert np.isfinite(way.composed).mean() > 0.8


def test_tokens_answer_with_each_part_cut_out_as_well(run, tmp_path):
    file = leave_out(make_run(run.shared, tmp_path), GROUP, OURS, PEERS)
    whole = Asked.load(file)
    assert whole.conditions == (AF,)
    assert not np.array_equal(whole.logits_by_signs, whole.logits)
    for name in TOKEN_CUTS:
        rest = Asked.load(file.with_name(f"{without(name)}.npz"))
        assert rest.logits.shape == whole.logits.shape
        assert np.isfinite(rest.logits).all()


def test_what_is_there_is_not_made_again(run):
    file = leave_out(run, GROUP, "rules", PEERS)
    written = file.stat().st_mtime_ns
    assert leave_out(run, GROUP, "rules", PEERS) == file
    assert file.stat().st_mtime_ns == written


def test_answers_of_another_run_are_refused(run):
    file = leave_out(run, GROUP, "rules", PEERS)
    other = replace(run, config=run.config.model_copy(update={"seed": 7}))
    with pytest.raises(WrongRun, match="of other configuration"):
        leave_out(other, GROUP, "rules", PEERS)
    file.rename(file.with_suffix(".kept"))  # weights without answers are not taken for its own
    with pytest.raises(WrongRun, match=r"the weights in rhythm/rules: of other configuration"):
        leave_out(other, GROUP, "rules", PEERS)
    file.with_suffix(".kept").rename(file)
    fewer = replace(GROUP, conditions=(AF,))
    with pytest.raises(WrongRun, match="of other configuration"):
        leave_out(run, fewer, "rules", PEERS)
    bench = open_workbench(run)
    refuse_foreign(bench, [GROUP])
    altered = bench.recordings.targets.copy()
    altered[0] = 1 - altered[0]
    changed = replace(bench, recordings=replace(bench.recordings, targets=altered))
    with pytest.raises(WrongRun, match="of other labels"):
        refuse_foreign(changed, [GROUP])
    told = file.with_name(provenance_name(file))
    kept = told.read_bytes()
    told.unlink()
    with pytest.raises(WrongRun, match="nothing says where they come from"):
        refuse_foreign(bench, [GROUP])
    told.write_bytes(kept)


@pytest.mark.parametrize("method", ["ours", "merl"])
def test_labels_and_reports_of_what_is_left_out_teach_nothing(method, run, tmp_path):
    def other_codes(number: int) -> set[str]:
        return codes_of(number) - {"AFIB"} if number % 3 else codes_of(number) | {"AFIB"}

    first = Asked.load(leave_out(run, GROUP, method, PEERS))
    said = write_release(tmp_path / "said", other_codes, report="vorhofflimmern {codes}")
    write_other_hospital(said, "164889003")
    silent = write_release(tmp_path / "silent", other_codes, report="")
    write_other_hospital(silent, "164889003")
    told, untold = (
        Asked.load(
            leave_out(make_published_run(data, tmp_path / data.name / "runs"), GROUP, method, PEERS)
        )
        for data in (said, silent)
    )
    assert not np.array_equal(told.labels, first.labels)
    np.testing.assert_allclose(told.logits, untold.logits, atol=1e-6)
    if method == "ours":
        np.testing.assert_allclose(told.logits, first.logits, atol=1e-6)


def test_a_workbench_without_conditions_has_nothing_of_them(run):
    left_out = LeftOut([AF], Catalogue.load())
    bench = open_workbench(run, left_out)
    assert AF in open_workbench(run).recordings.conditions
    assert AF not in bench.recordings.conditions
    assert len(bench.conditions) == bench.recordings.targets.shape[1]
    for condition in bench.conditions:
        assert not any(left_out.is_mentioned(wording) for wording in condition.wordings[1:])
        assert not left_out.is_mentioned(condition.description)


def test_groups_are_disjoint_and_of_the_catalogue():
    names = [name for group in GROUPS for name in group.conditions]
    assert len(set(names)) == len(names) >= 15
    assert all(Catalogue.load().get(name) for name in names)
    assert len({group.name for group in GROUPS}) == len(GROUPS)


def test_the_classes_of_the_small_release_are_conditions():
    catalogue = Catalogue.load()
    assert all(catalogue.by_class(name, c) for name, held in CLASSES.items() for c in held)


def test_a_method_has_its_own_file(run):
    assert leave_out_file(run, "a", "ours") != leave_out_file(run, "a", "merl")
