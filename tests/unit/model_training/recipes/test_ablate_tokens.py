"""Variants of a fusion of tokens, on a small release and the branches of the unchanged one."""

import json
from dataclasses import replace

import pytest

from model_training.recipes.ablate import ablate, read_ablations, shortened, write_report
from model_training.recipes.variants import FRACTIONS, variants
from model_training.reporting.tables import BASE
from model_training.run.config import Run, load_config
from model_training.run.provenance import WrongRun
from model_training.run.recordings import CONFIGS, load_recordings
from tests.support.mini_release import write_release
from tests.support.one_thread import one_thread  # noqa: F401
from tests.support.token_networks import tiny_config

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = shortened(tiny_config(), epochs=1)
    data = write_release(tmp_path_factory.mktemp("data"))
    folder = tmp_path_factory.mktemp("runs") / config.name
    folder.mkdir()
    return Run(config, data, folder, device="cpu")


def test_a_fusion_of_tokens_loses_a_part_and_keeps_its_branches(run):
    known = variants(run.config)
    assert {"no-signs", "no-waveform", "no-missing-leads", "no-imbalance"} < known.keys()
    files = {name: ablate(run, name, known[name]) for name in (BASE, "no-signs", "no-waveform")}
    for name in ("no-signs", "no-waveform"):
        for branch in files[BASE].with_suffix("").glob("branch_*.pt"):
            assert branch.read_bytes() == (files[name].with_suffix("") / branch.name).read_bytes()
    figures = {name: json.loads(file.read_text()) for name, file in files.items()}
    # Four recordings: an area alone may be the same twice, all figures of a fold are not.
    assert len({json.dumps(row["fold_9"]) for row in figures.values()}) == 3
    assert all(row["epochs"] == 1 for row in figures.values())
    recordings = load_recordings(run)
    assert read_ablations(run, recordings)["ablations"] == figures
    page = run.folder / "figures" / "ablations.json"
    write_report(run, recordings, "the command", page)
    assert json.loads(page.read_text())["ablations"] == figures
    assert "| no-signs |" in page.with_suffix(".md").read_text()
    other = replace(recordings, targets=1 - recordings.targets)
    with pytest.raises(WrongRun, match="no-signs: of other labels"):
        read_ablations(run, other)
    seeded = replace(run, config=run.config.model_copy(update={"seed": 3}))
    with pytest.raises(WrongRun, match="of other configuration"):
        ablate(seeded, BASE, known[BASE])


def test_a_fusion_of_cross_attention_has_variants_too():
    published = load_config(CONFIGS / "supreme.yaml")
    assert shortened(published, epochs=3).fusion_training.epochs == 3
    assert variants(published).keys() == {BASE, "no-imbalance", *(
        f"recordings-{percent}" for percent in FRACTIONS
    )}  # fmt: skip
