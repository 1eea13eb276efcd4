"""Signs of drawn recordings: each says what was drawn, and nothing of what was not."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue
from ecg_core.leads import LEADS
from ecg_core.preprocessing import PreprocessingSpec
from model_training.signs import SIGNS, measure_signs
from model_training.signs.measuring import measure_window

SPEC = PreprocessingSpec()
NAMES = tuple(sign.name for sign in SIGNS)
# R wave of each lead of a normal heart, mV; a negative one is an S wave.
NORMAL_R_MV = (0.6, 1.0, 0.5, -0.8, 0.2, 0.7, -0.7, -0.3, 0.4, 1.3, 1.6, 1.2)


@dataclass(frozen=True)
class Drawn:
    """A recording drawn from Gaussian waves; times in seconds, heights in millivolts."""

    beats_s: tuple[float, ...] = tuple(np.arange(0.6, 9.6, 0.8).tolist())
    pr_s: float = 0.16
    p_mv: float = 0.15
    qrs_width_s: float = 0.011
    wide_beats: tuple[int, ...] = ()
    r_mv: tuple[float, ...] = NORMAL_R_MV
    st_mv: dict[str, float] = field(default_factory=dict)
    t_mv: dict[str, float] = field(default_factory=dict)
    q_mv: dict[str, float] = field(default_factory=dict)

    def samples_mv(self) -> NDArray[np.float64]:
        """Shape (lead, sample)."""
        time_s = np.arange(1000) / 100
        samples_mv = np.zeros((12, 1000))
        for number, beat_s in enumerate(self.beats_s):
            width_s = 0.035 if number in self.wide_beats else self.qrs_width_s
            for row, lead in enumerate(LEADS):
                towards = -1.0 if lead == "aVR" else 1.0

                def wave(at_s: float, width: float, height_mv: float) -> NDArray[np.float64]:
                    shape: NDArray[np.float64] = height_mv * np.exp(
                        -np.square((time_s - at_s) / width) / 2
                    )
                    return shape

                onset_s = beat_s - 2.2 * width_s
                samples_mv[row] += (
                    wave(onset_s - self.pr_s + 0.045, 0.02, towards * self.p_mv)
                    + wave(beat_s, width_s, self.r_mv[row])
                    + wave(beat_s - 0.04, 0.014, -self.q_mv.get(lead, 0.0))
                    + wave(beat_s + 0.30, 0.05, self.t_mv.get(lead, towards * 0.3))
                    + self.st_mv.get(lead, 0.0) * (
                        (time_s > beat_s + 2.5 * width_s) & (time_s < beat_s + 0.22)
                    )
                )  # fmt: skip
        return samples_mv

    def present(self) -> frozenset[str]:
        """The signs with a label above one half."""
        window = (self.samples_mv() / SPEC.millivolts_per_unit).astype(np.float32)
        labels = measure_window(window, SPEC)
        assert np.isfinite(labels).all()
        assert labels.min() >= 0
        assert labels.max() <= 1
        return frozenset(name for name, label in zip(NAMES, labels, strict=True) if label > 0.5)


def every(interval_s: float) -> tuple[float, ...]:
    return tuple(np.arange(0.6, 9.4, interval_s).tolist())


def leads(names: str, value: float) -> dict[str, float]:
    return dict.fromkeys(names.split(), value)


def with_early_beat() -> tuple[float, ...]:
    beats = list(every(0.8))
    beats[5] -= 0.3
    return tuple(beats)


LEFT_AXIS_MV = (0.9, -0.6, -1.0, -0.2, 0.9, -0.8, -0.7, -0.3, 0.3, 1.0, 1.1, 0.9)
RIGHT_AXIS_MV = (-0.7, 0.4, 1.0, 0.1, -0.9, 0.8, -0.7, -0.3, 0.3, 1.0, 1.1, 0.9)
HIGH_MV = (0.6, 1.0, 0.5, -0.8, 0.2, 0.7, -2.2, -1.5, 0.3, 1.9, 2.6, 2.0)
LOW_MV = tuple(value / 5 for value in NORMAL_R_MV)

CASES = [
    (Drawn(beats_s=every(0.5)), {"heart rate above 100 beats per minute"},
     {"heart rate of 60 to 100 beats per minute", "heart rate below 60 beats per minute"}),
    (Drawn(beats_s=every(1.2)), {"heart rate below 60 beats per minute"},
     {"heart rate of 60 to 100 beats per minute"}),
    (Drawn(beats_s=tuple(np.cumsum([0.6, *[0.6, 1.0, 0.75, 0.55, 1.1, 0.7] * 2]).tolist())),
     {"irregularly irregular R-R intervals"}, {"regular R-R intervals"}),
    (Drawn(beats_s=with_early_beat()),
     {"an early beat followed by a pause", "an early narrow QRS complex"},
     {"an early wide QRS complex"}),
    (Drawn(beats_s=with_early_beat(), wide_beats=(5,)), {"an early wide QRS complex"},
     {"an early narrow QRS complex"}),
    (Drawn(p_mv=0.0), {"no P waves"}, {"a P wave before every QRS complex, upright in II"}),
    (Drawn(pr_s=0.26), {"PR interval above 200 ms"}, {"PR interval of 120 to 200 ms"}),
    (Drawn(pr_s=0.09), {"PR interval below 120 ms"}, {"PR interval of 120 to 200 ms"}),
    (Drawn(qrs_width_s=0.035), {"QRS duration of 120 ms or more"}, {"QRS duration below 110 ms"}),
    (Drawn(r_mv=LEFT_AXIS_MV), {"left axis deviation between -45 and -90 degrees"},
     {"normal axis"}),
    (Drawn(r_mv=RIGHT_AXIS_MV), {"right axis deviation between 90 and 180 degrees"},
     {"normal axis"}),
    (Drawn(r_mv=HIGH_MV), {"S in V1 plus R in V5 or V6 above 3.5 mV"}, set()),
    (Drawn(r_mv=LOW_MV), {"QRS amplitude below 0.5 mV in all limb leads",
     "QRS amplitude below 1.0 mV in all chest leads"}, set()),
    (Drawn(st_mv=leads("V4 V5 V6", -0.2)), {"ST depression in lead V5",
     "ST depression in two or more leads"},
     {"isoelectric ST segments", "ST depression in lead II"}),
    (Drawn(st_mv=leads("II III aVF", 0.3)), {"ST elevation in inferior leads (II, III and aVF)"},
     {"ST elevation in lead V2"}),
    (Drawn(t_mv=leads("V4 V5 V6 I aVL", -0.3)),
     {"inverted T waves in lateral leads (I, aVL, V5 and V6)"},
     {"inverted T waves in lead III", "upright T waves in I, II and V3 to V6"}),
    (Drawn(t_mv=leads("I II III aVL aVF V1 V2 V3 V4 V5 V6", 0.03)),
     {"flat T waves in several leads"}, {"inverted T waves in lead V5"}),
    (Drawn(q_mv=leads("II III aVF", 1.2)),
     {"pathological Q waves in inferior leads (II, III and aVF)"},
     {"pathological Q waves in lead V5"}),
]  # fmt: skip


def test_a_normal_recording_has_the_signs_of_one() -> None:
    present = Drawn().present()
    assert {
        "heart rate of 60 to 100 beats per minute",
        "regular R-R intervals",
        "a P wave before every QRS complex, upright in II",
        "PR interval of 120 to 200 ms",
        "QRS duration below 110 ms",
        "normal axis",
        "isoelectric ST segments",
        "upright T waves in I, II and V3 to V6",
    } <= present


@pytest.mark.parametrize(("drawn", "there", "not_there"), CASES)
def test_what_is_drawn_is_measured(drawn: Drawn, there: set[str], not_there: set[str]) -> None:
    present = drawn.present()
    assert there <= present
    assert not not_there & present


@pytest.mark.parametrize(("_", "there", "not_there"), CASES)
def test_no_sign_of_another_heart_is_found_in_a_normal_one(
    _: Drawn, there: set[str], not_there: set[str]
) -> None:
    present = Drawn().present()
    assert not there & present
    assert not_there & {"normal axis", "isoelectric ST segments"} <= present


def test_a_label_grows_with_what_it_measures() -> None:
    column = NAMES.index("PR interval above 200 ms")
    labels = [
        measure_window((Drawn(pr_s=pr_s).samples_mv() / 0.5).astype(np.float32), SPEC)[column]
        for pr_s in (0.14, 0.18, 0.22, 0.28)
    ]
    assert labels == sorted(labels)
    assert labels[0] < 0.1 < 0.9 < labels[-1]


@pytest.mark.parametrize("samples_mv", [np.zeros((12, 1000)), np.full((12, 1000), 0.3)])
def test_a_window_without_beats_says_nothing(samples_mv: NDArray[np.float64]) -> None:
    assert np.isnan(measure_window(samples_mv.astype(np.float32), SPEC)).all()


def test_labels_are_kept_and_made_anew_for_other_windows(tmp_path: Path) -> None:
    window = (Drawn().samples_mv() / 0.5).astype(np.float32)[np.newaxis]
    first = measure_signs(window, SPEC, tmp_path)
    (kept,) = tmp_path.iterdir()
    np.save(kept, first + 1)
    np.testing.assert_array_equal(measure_signs(window, SPEC, tmp_path), first + 1)
    other = (replace(Drawn(), pr_s=0.26).samples_mv() / 0.5).astype(np.float32)[np.newaxis]
    assert measure_signs(other, SPEC, tmp_path).max() <= 1
    assert len(list(tmp_path.iterdir())) == 2


def test_names_and_wordings_are_all_different() -> None:
    wordings = [wording for sign in SIGNS for wording in sign.wordings]
    assert len(set(NAMES)) == len(SIGNS)
    assert len(set(wordings)) == len(wordings)


def test_the_catalogue_states_signs_that_can_be_measured() -> None:
    stated = {sign for condition in Catalogue.load().conditions for sign in condition.signs}
    assert stated
    assert stated <= set(NAMES)
