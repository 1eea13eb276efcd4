"""What fold 9 decides of fewer leads, and what is shown of it."""

import json

import numpy as np
import pytest
import torch

from ecg_core.calibration import Calibration
from ecg_core.conditions import Catalogue
from ecg_core.lead_sets import LeadSets
from ecg_core.leads import LEADS
from ecg_core.preprocessing import PreprocessingSpec
from model_training.evaluation.changed_folds import add_noise, cut
from model_training.evaluation.fold import EvaluatedFold
from model_training.evaluation.lead_sets import (
    decide_lead_sets,
    evaluate_lead_sets,
    still_calibrated,
)
from model_training.evaluation.lead_verdicts import Figures, decide, is_answered, is_calibrated
from model_training.fitting.lead_sets import named_sets
from model_training.recipes.calibrate import calibrate_run
from model_training.reporting.model_card import model_card
from model_training.reporting.report_lead_sets import (
    lead_set_targets,
    render_lead_sets,
    render_verdicts,
)
from model_training.text.encoder import TextEncoder
from model_training.text.wordings import QueryEmbedder
from tests.support.token_networks import (
    CONDITIONS,
    make_token_bench,
    planted_recordings,
    tiny_config,
)


@pytest.mark.parametrize(
    ("whole", "part", "answered"),
    [
        (0.95, 0.91, True),
        (0.95, 0.89, False),  # more than five points lost
        (0.83, 0.79, False),  # below 80
        (0.78, 0.775, True),  # below 80, as with all leads
        (0.78, 0.76, False),
        (0.95, np.nan, False),
        (np.nan, np.nan, False),
    ],
)
def test_a_condition_is_answered_if_it_is_told_apart_as_well(whole, part, answered):
    assert is_answered(Figures(whole, 0.01), Figures(part, 0.01)) is answered


@pytest.mark.parametrize(
    ("whole", "part", "calibrated"),
    [(0.01, 0.03, True), (0.01, 0.035, False), (0.03, 0.049, True), (0.03, np.nan, False)],
)
def test_it_is_calibrated_if_its_error_is_about_that_of_all_leads(whole, part, calibrated):
    assert is_calibrated(Figures(0.9, whole), Figures(0.9, part)) is calibrated


def test_sets_hold_the_limb_leads_that_follow():
    sets = named_sets()
    assert sets["limb"] == LEADS[:6]
    assert sets["I+II+V2"] == (*LEADS[:6], "V2")
    assert sets["II"] == ("II",)
    assert not {"eight", "I+II"} & sets.keys()
    assert sets["without V3"] == tuple(lead for lead in LEADS if lead != "V3")


NAMES = (
    "normal-ecg",
    "anterior-myocardial-infarction",
    "inferior-myocardial-infarction",
    "atrial-fibrillation",
)


def simulated(seed, separation, prevalence, count=2000):
    """Labels, and logits that are the true log odds, two normals apart by a separation each."""
    random = np.random.default_rng(seed)
    targets = (random.random((count, len(NAMES))) < prevalence).astype(float)
    noise = random.normal(size=targets.shape)
    odds = np.log(prevalence / (1 - prevalence))
    logits = separation * (noise + separation * targets) - separation**2 / 2 + odds
    return targets, logits


def decided(targets, whole, part, leads=("II",)):
    catalogue = Catalogue.load()
    conditions = [catalogue.get(name) for name in NAMES]
    return decide("some", leads, conditions, targets, whole, part)


def test_what_is_lost_is_not_answered_and_the_rest_is_calibrated():
    targets, whole = simulated(0, np.full(4, 2.5), np.full(4, 0.2))
    part = whole.copy()
    part[:, 1] = np.random.default_rng(1).normal(-1.4, 0.1, size=len(part))
    found = decided(targets, whole, part, tuple(lead for lead in LEADS if lead != "V3"))
    assert set(found.calibrated) == {NAMES[0], NAMES[2], NAMES[3]}
    assert found.uncalibrated == ()


def test_what_is_told_apart_and_badly_calibrated_is_answered_as_such():
    targets, whole = simulated(0, np.full(4, 2.5), np.full(4, 0.2))
    part = whole.copy()
    part[:, 3] += 3.0
    found = decided(targets, whole, part)
    assert NAMES[3] in found.uncalibrated


def test_a_scale_and_a_shift_of_all_are_mended():
    targets, whole = simulated(0, np.full(4, 2.5), np.full(4, 0.2))
    found = decided(targets, whole, 2 * whole + 3, LEADS[:11])
    assert set(found.calibrated) == set(NAMES)
    expected = Calibration(temperature=found.temperature, bias=found.bias)
    known = np.ones(4, bool)
    np.testing.assert_allclose(
        expected.probabilities(2 * whole + 3, known), 1 / (1 + np.exp(-whole)), atol=0.03
    )


def test_an_infarction_that_is_seen_in_normal_ecgs_is_not_answered():
    targets, whole = simulated(0, np.full(4, 2.5), np.full(4, 0.2))
    normal = targets[:, 0] == 1
    alarmed = whole.copy()
    alarmed[np.flatnonzero(normal)[::10], 1] = 2.0
    targets[normal, 1:3] = 0
    quiet = alarmed.copy()
    quiet[normal, 1:3] = -6.0
    assert not {NAMES[1], NAMES[2]} & decided(targets, quiet, alarmed).answered
    assert {NAMES[1], NAMES[2]} <= decided(targets, quiet, quiet).answered


def test_a_rare_condition_is_judged_with_its_kind():
    targets, whole = simulated(0, np.full(4, 2.5), np.array([0.2, 0.2, 0.002, 0.2]))
    assert (targets[:, 2] == 1).sum() < 10
    part = whole.copy()
    part[:, 1] = np.random.default_rng(1).normal(-1.4, 0.1, size=len(part))
    found = decided(targets, whole, part, LEADS[:11])
    assert not {NAMES[1], NAMES[2]} & found.answered


def test_changed_recordings_are_still_calibrated_or_not():
    targets, logits = simulated(3, np.full(4, 2.0), np.full(4, 0.2))
    true = 1 / (1 + np.exp(-logits))
    assert still_calibrated(targets, true, true)
    assert not still_calibrated(targets, true, 1 / (1 + np.exp(-logits - 1.0)))
    assert not still_calibrated(targets[:20], true[:20], true[:20])  # too few positives


def test_noise_is_added_to_three_leads_and_recordings_are_cut():
    spec = PreprocessingSpec()
    windows = torch.zeros(4, 12, spec.window_samples)
    noisy = add_noise(windows, spec, torch.Generator().manual_seed(0))
    sizes_mv = noisy.std(-1) * spec.millivolts_per_unit
    assert ((sizes_mv > 0).sum(1) == 3).all()
    assert (sizes_mv[sizes_mv > 0] > 0.25).all()
    assert (cut(noisy, 250)[..., 250:] == 0).all()
    assert torch.equal(cut(noisy, 250)[..., :250], noisy[..., :250])


def test_targets_are_those_of_the_figures():
    def row(ece, alarms, rhythm):
        return {"ece": ece, "alarms": alarms, "auroc": {"rhythm": rhythm}}

    sets = {"12": row(0.01, 0.1, 95.0), "limb": row(0.02, 0.0, 94.0), "II": row(None, 0.03, 91.5)}
    found = lead_set_targets({"lead_sets": {"sets": sets}})
    assert [(figure, holds(figure)) for _, _, figure, holds in found] == [
        (0.02, True),
        (0.0, True),
        (0.03, False),
        (3.5, False),
    ]
    assert lead_set_targets({}) == []


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    config = tiny_config()
    embedder = QueryEmbedder(TextEncoder(config.text_encoder), config.prompts, folder / "cache")
    bench = make_token_bench(config, planted_recordings(60), embedder, folder)
    # Conditions are asked by their own tokens: wordings by chance will do.
    naming = bench.network.naming
    keys = torch.randn(naming.concepts, embedder.encoder.spec.dimension)
    naming.listen(keys, torch.arange(naming.concepts))
    calibrate_run(bench)
    return bench


def test_a_run_decides_once_and_shows_what_it_decided(bench):
    decided = LeadSets.model_validate_json(bench.lead_sets_file.read_text())
    assert [one.name for one in decided.sets] == list(named_sets())
    assert all(one.answered <= set(CONDITIONS) for one in decided.sets)
    results = evaluate_lead_sets(EvaluatedFold(bench))
    results = json.loads(json.dumps(results, allow_nan=False))
    assert results["decided"] == decided.model_dump(mode="json")
    assert results["sets"].keys() == {"12", *named_sets()}
    assert results["sets"]["12"]["calibrated"] == len(CONDITIONS)
    report = render_lead_sets({"lead_sets": results})
    page = render_verdicts(results)
    card = model_card(bench.run.config, bench.recordings, {"lead_sets": results})
    assert card["evaluation"]["lead_sets"]["decided"] == results["decided"]
    for name in named_sets():
        assert f"| {name} |" in report
        assert f" {name} |" in page


def test_the_same_recordings_decide_the_same(bench):
    again = decide_lead_sets(bench, Calibration.model_validate_json(
        bench.calibration_file.read_text()))  # fmt: skip
    assert again == LeadSets.model_validate_json(bench.lead_sets_file.read_text())
