"""From nothing to the report, on a release of simulated recordings."""

import json
from pathlib import Path

import numpy as np
import pytest

from model_training.evaluation.calibration import calibrate
from model_training.evaluation.groups import Group
from model_training.peers import PeersConfig
from model_training.recipes.ablate import ablate, read_ablations
from model_training.recipes.evaluate import (
    evaluate,
    read_as_published,
    read_entities,
)
from model_training.recipes.leave_out import leave_out, write_figures
from model_training.recipes.measure_bundle import measure_bundle
from model_training.recipes.variants import fewer, variants
from model_training.reporting.model_card import model_card
from model_training.reporting.plots import draw_plots
from model_training.reporting.report import render_results
from model_training.reporting.tables import BASE
from model_training.run.config import command_of, figures_argument
from model_training.run.provenance import WrongRun, read_provenance, write_provenance
from model_training.run.token_training import train_network
from model_training.run.workbench import open_workbench, restored_workbench
from tests.support.mini_release import make_published_run, write_other_hospital, write_release

GROUPS = (
    Group("rhythm", ("atrial-fibrillation",), ()),
    Group("conduction", ("complete-left-bundle-branch-block",), ()),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    data = write_release(tmp_path_factory.mktemp("data"))
    write_other_hospital(data, "164889003")
    run = make_published_run(data, tmp_path_factory.mktemp("runs"))
    bench = open_workbench(run)
    bench.keep(train_network(bench))
    bench.calibration_file.write_text(calibrate(restored_workbench(run)).model_dump_json())
    return run


@pytest.fixture(scope="module")
def bare(run):
    found = evaluate(restored_workbench(run), GROUPS)
    return {"command": "make evaluate", **json.loads(json.dumps(found, allow_nan=False))}


@pytest.fixture(scope="module")
def full(run, bare):
    for group in GROUPS:
        for method in ("ours", "fixed"):
            leave_out(run, group, method, PeersConfig())
    leave_out(run, GROUPS[0], "rules", PeersConfig())
    known = variants(run.config)
    for name in (BASE, "recordings-50"):
        ablate(run, name, known[name])
    found = evaluate(restored_workbench(run), GROUPS)
    return {"command": "make evaluate", **json.loads(json.dumps(found, allow_nan=False))}


def test_what_was_not_run_is_left_out_and_the_report_says_what_makes_it(bare):
    assert not {"unseen", "ablations", "bundle"} & bare.keys()
    report = render_results(bare)
    for command in ("make leave-out", "make ablate", "model_training.recipes.measure_bundle"):
        assert command in report


def test_the_results_have_what_is_promised(full):
    for name in ("super", "sub", "rhythm"):
        row = full["seen"][name]
        assert {"auroc", "ci95", "auprc", "n", "classes"} <= row.keys()
    assert full["wording"]["drop"] == full["wording"]["held_out"]["drop"]
    assert 0 <= full["calibration"]["ece"] <= 1
    unseen = full["unseen"]
    assert (unseen["conditions"], unseen["n"]) == (2, 12)
    assert unseen["ci95"][0] <= unseen["auroc"] <= unseen["ci95"][1]
    assert 0 < unseen["p_value"] <= 1


def test_a_peer_that_lacks_a_group_is_no_peer(full):
    assert full["unseen"]["peers"].keys() == {"fixed"}
    assert full["unseen"]["best_peer"] == "fixed"
    assert full["unseen"]["best_peer_auroc"] == full["unseen"]["peers"]["fixed"]["auroc"]


def test_every_left_out_condition_has_its_row(full):
    rows = {row["condition"]: row for row in full["unseen_conditions"]}
    assert rows.keys() == {name for group in GROUPS for name in group.conditions}
    mean = np.mean([row["ours"] for row in rows.values()])
    assert mean == pytest.approx(full["unseen"]["auroc"], abs=0.01)
    assert all(row["positives"] == 6 and row["nearest"] != name for name, row in rows.items())


def test_probes_of_fewer_recordings_are_told_apart(full):
    assert [full["probe"][p]["recordings"] for p in ("1", "10", "100")] == [2, 2, 16]


def test_ablations_are_trained_once_and_on_fewer_recordings_where_they_say_so(run, full):
    assert full["ablations"].keys() == {BASE, "recordings-50"}
    assert full["ablations"][BASE]["recordings"] == 16
    assert full["ablations"]["recordings-50"]["recordings"] == 8
    recordings = open_workbench(run).recordings
    before = read_ablations(run, recordings)
    ablate(run, BASE, variants(run.config)[BASE])
    assert read_ablations(run, recordings) == before


def test_the_report_shows_every_section_and_its_plots(full, tmp_path):
    report = render_results(full)
    for row in full["seen"].values():
        assert f" | {row['random_encoder']} | " in report
    plots = draw_plots(full, tmp_path)
    assert {file.stem for file in plots} == {
        "reliability",
        "abstention",
        "learning_curve",
        "unseen",
    }
    again = tmp_path / "again"
    again.mkdir()
    for file, second in zip(plots, draw_plots(full, again), strict=True):
        assert f"plots/{file.name}" in report
        assert file.read_bytes().startswith(b"\x89PNG")
        assert file.read_bytes() == second.read_bytes()


def test_a_plot_without_data_goes(full, bare, tmp_path):
    draw_plots(full, tmp_path)
    assert {file.stem for file in draw_plots(bare, tmp_path)} == {"reliability", "abstention"}
    assert not (tmp_path / "plots/unseen.png").exists()


def test_the_card_has_the_figures_and_not_the_long_lists(run, full):
    card = model_card(run.config, open_workbench(run).recordings, full)
    assert card["evaluation"]["unseen"] == full["unseen"]
    assert not {"unseen_conditions", "ablations"} & card["evaluation"].keys()


def test_figures_of_entities_are_copied_if_there_are_any(tmp_path):
    file = tmp_path / "entities.json"
    assert read_entities(file) == {}
    file.write_text(json.dumps({"micro_f1": 0.9, "reports_per_s": 3000, "more": 1}))
    assert read_entities(file) == {"entities": {"micro_f1": 0.9, "reports_per_s": 3000}}


def test_fewer_recordings_are_among_more(run):
    recordings = open_workbench(run).recordings
    quarter, half = (fewer(recordings, percent, seed=0) for percent in (25, 50))
    training = range(1, 9)
    assert set(quarter.rows(*training)) < set(half.rows(*training))
    assert half.rows(9, 10).tolist() == recordings.rows(9, 10).tolist()


# Of the exporter and its libraries, about their own future.
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_bundle_is_measured_before_it_ships(run):
    before = sorted(run.folder.iterdir())
    figures = measure_bundle(restored_workbench(run))
    assert figures["megabytes"] > 5
    assert figures["latency_ms_20_queries"] > 0
    assert sorted(run.folder.iterdir()) == before


def test_supreme_as_published_stands_beside_what_has_its_recordings_and_labels(run, bare, tmp_path):
    theirs = {**bare, "model": {"name": "another", "version": "1"}}
    (tmp_path / "results.json").write_text(json.dumps(theirs))
    assert read_as_published(tmp_path, run) == {}
    provenance = read_provenance(run.folder)
    write_provenance(provenance, tmp_path)
    found = read_as_published(tmp_path, run)
    assert found["as_published"]["seen"]["super"]["auroc"] == bare["seen"]["super"]["auroc"]
    report = render_results(bare | found)
    assert "| set | classes | N | SuPreME as published |" in report
    assert f"loses {bare['wording']['drop']} points" in report
    write_provenance(provenance.model_copy(update={"labels": "others"}), tmp_path)
    assert read_as_published(tmp_path, run) == {}
    write_provenance(provenance, tmp_path)
    (tmp_path / "results.json").write_text(json.dumps(bare))
    assert read_as_published(tmp_path, run) == {}


def test_a_method_that_was_trained_by_itself_stands_beside_ours(run, full, tmp_path):
    file = tmp_path / "left_out.json"
    write_figures(run, GROUPS, "fixed", "the command", file)
    theirs = {**full, "model": {"name": "another", "version": "1"}}
    (tmp_path / "results.json").write_text(json.dumps(theirs))
    write_provenance(read_provenance(run.folder), tmp_path)
    found = read_as_published(tmp_path, run)
    by_name = found["as_published"]["left_out"]["by_name"]
    assert by_name["auroc"] == full["unseen"]["by_name"]["each"]["fixed"]
    assert "not paired" in render_results(full | found)
    file.write_text(file.read_text().replace(read_provenance(run.folder).labels, "others"))
    assert read_as_published(tmp_path, run)["as_published"]["left_out"] == {}
    with pytest.raises(WrongRun, match="not asked for every group"):
        write_figures(run, GROUPS, "merl", "the command", file)


def test_the_command_names_no_folder_of_this_machine(tmp_path):
    assert figures_argument(Path("docs/a.json")) == ("--figures", "docs/a.json")
    assert figures_argument(tmp_path / "a.json") == ("--figures", "a.json")
    assert command_of("evaluate", Path("configs/a.yaml")).count("--config configs/a.yaml ") == 1
    assert str(tmp_path) not in command_of("evaluate", tmp_path / "a.yaml")
