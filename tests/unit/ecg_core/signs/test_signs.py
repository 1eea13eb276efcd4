"""Signs of drawn recordings: each says what was drawn, and nothing of what was not."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cardioquery.demo.simulator import Simulation, simulate
from ecg_core.conditions import Catalogue
from ecg_core.leads import LEADS
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.signs import SIGNS, measure_signs, signs_measured

GOLDEN = {
    "heart rate above 100 beats per minute": -7.39,
    "irregularly irregular R-R intervals": -3.3,
    "no P waves": -4.43,
    "PR interval above 200 ms": -3.29,
    "QRS duration of 120 ms or more": -3.39,
    "left axis deviation beyond -30 degrees": -14.95,
    "S in V1 plus R in V5 or V6 above 3.5 mV": -5.86,
    "ST depression in lead V5": -2.7,
    "inverted T waves in lead III": -6.19,
    "pathological Q waves in lead aVF": -5.0,
}
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
        """The signs that are there."""
        values = self.values()
        return frozenset(name for name, value in zip(NAMES, values, strict=True) if value > 0)

    def windows(self) -> NDArray[np.float32]:
        """As `prepare` makes them, shape (1, lead, sample)."""
        return (self.samples_mv()[np.newaxis] / SPEC.millivolts_per_unit).astype(np.float32)

    def values(self) -> NDArray[np.float32]:
        """Shape (sign,)."""
        return measure_signs(self.windows(), SPEC)[0]


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


def test_a_value_grows_with_what_it_measures() -> None:
    column = NAMES.index("PR interval above 200 ms")
    values = [Drawn(pr_s=pr_s).values()[column] for pr_s in (0.14, 0.18, 0.22, 0.28)]
    assert values == sorted(values)
    assert values[0] < -2
    assert values[-1] > 2


def test_a_window_is_measured_for_itself() -> None:
    windows = np.concatenate([Drawn().windows(), Drawn(pr_s=0.26).windows()])
    alone = np.concatenate([measure_signs(windows[[row]], SPEC) for row in (0, 1)])
    np.testing.assert_array_equal(measure_signs(windows, SPEC), alone)


def test_a_missing_lead_leaves_its_signs_unsaid_and_the_others_said() -> None:
    windows = Drawn(t_mv=leads("V5 V6", -0.3)).windows()
    windows[0, LEADS.index("V6")] = 0
    values = dict(zip(NAMES, measure_signs(windows, SPEC)[0].tolist(), strict=True))
    assert values["inverted T waves in lead V6"] == 0
    assert values["inverted T waves in lateral leads (I, aVL, V5 and V6)"] == 0
    assert values["inverted T waves in lead V5"] > 0
    assert values["heart rate of 60 to 100 beats per minute"] > 0


def measured(windows: NDArray[np.float32]) -> dict[str, float]:
    """By name; NaN where a sign is not measured."""
    return dict(zip(NAMES, signs_measured(windows, SPEC)[0].tolist(), strict=True))


def test_all_signs_of_a_normal_recording_are_measured() -> None:
    assert len(SIGNS) == 146
    assert np.isfinite(signs_measured(prepare(simulate(Simulation()), SPEC).windows, SPEC)).all()


@pytest.mark.parametrize("st_mv", [0.0, 0.15])
def test_depth_of_a_complex_that_is_all_negative_counts_as_s(st_mv: float) -> None:
    """V1 without an R wave, with or without an elevated ST segment: S 2.2 and R 2.6 mV."""
    qs_in_v1 = Drawn(r_mv=HIGH_MV, st_mv={"V1": st_mv})
    values = measured(qs_in_v1.windows())
    sokolow_mv = 3.5 + 0.3 * values["S in V1 plus R in V5 or V6 above 3.5 mV"]
    assert sokolow_mv == pytest.approx(4.8, abs=0.25)
    assert values["QS or rS complex in V1"] > 5


def test_atrial_fibrillation_has_no_p_waves_and_no_pr_interval() -> None:
    """Fibrillating baseline, irregular beats: what is before a complex is no P wave."""
    irregular = tuple(np.cumsum([0.6, *[0.6, 1.0, 0.75, 0.55, 1.1, 0.7] * 2]).tolist())
    windows = Drawn(beats_s=irregular, p_mv=0.0).windows()
    time_s = np.arange(1000) / 100
    fibrillation_mv = 0.04 * np.sin(2 * np.pi * 6.3 * time_s + np.sin(2 * np.pi * 0.37 * time_s))
    windows += (fibrillation_mv / SPEC.millivolts_per_unit).astype(np.float32)
    values = measured(windows)
    assert values["irregularly irregular R-R intervals"] > 0
    assert values["no P waves"] > 0
    assert values["a P wave before every QRS complex, upright in II"] < 0
    of_p_waves = [name for name in NAMES if name.startswith(("PR interval", "P wave of"))]
    of_p_waves += ["inverted P waves in II", "negative terminal part of the P wave in V1"]
    assert len(of_p_waves) == 6
    assert np.isnan([values[name] for name in of_p_waves]).all()


def test_how_certain_p_waves_are_is_graded() -> None:
    values = [measured(Drawn(p_mv=p_mv).windows())["no P waves"] for p_mv in (0.0, 0.04, 0.1)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 1
    assert values[-1] < -1


def test_negative_terminal_part_of_the_p_wave_is_measured() -> None:
    """In V1 a wave of -0.15 mV follows the P wave's first half."""
    column = NAMES.index("negative terminal part of the P wave in V1")
    time_s, windows = np.arange(1000) / 100, Drawn().windows()
    assert signs_measured(windows, SPEC)[0, column] < -2
    for beat_s in Drawn().beats_s:
        late = np.square((time_s - beat_s + 2.2 * 0.011 + 0.16 - 0.045 - 0.03) / 0.015)
        windows[0, LEADS.index("V1")] -= (0.25 * np.exp(-late / 2) / 0.5).astype(np.float32)
    assert signs_measured(windows, SPEC)[0, column] > 1


def test_signs_of_a_missing_lead_are_not_measured() -> None:
    windows = Drawn().windows()
    whole = measured(windows)
    windows[0, LEADS.index("V1")] = 0
    values = measured(windows)
    lost = {name for name in NAMES if np.isnan(values[name])}
    assert {name for name in NAMES if name.endswith("in lead V1")} <= lost
    assert {"S in V1 plus R in V5 or V6 above 3.5 mV", "QS or rS complex in V1"} <= lost
    kept = [name for name in NAMES if name.endswith(("in lead II", "in lead V5"))]
    assert not lost & {*kept, "no P waves", "QRS duration of 120 ms or more", "normal axis"}
    assert not np.isnan(list(whole.values())).any()


def test_padding_of_a_short_recording_changes_nothing() -> None:
    windows = Drawn(beats_s=every(0.8)[:8]).windows()
    short = windows[:, :, :680]
    padded = np.pad(short, ((0, 0), (0, 0), (0, 320)))
    np.testing.assert_array_equal(signs_measured(padded, SPEC), signs_measured(short, SPEC))


def test_two_beats_are_too_few_to_measure() -> None:
    assert np.isnan(signs_measured(Drawn(beats_s=(3.0, 6.0)).windows(), SPEC)).all()


@pytest.mark.parametrize("there", [("I",), ("II", "V1"), LEADS[:6]])
def test_few_leads_are_measured_as_far_as_they_go(there: tuple[str, ...]) -> None:
    windows = Drawn().windows()
    windows[0, [row for row, lead in enumerate(LEADS) if lead not in there]] = 0
    values = dict(zip(NAMES, measure_signs(windows, SPEC)[0].tolist(), strict=True))
    assert values["regular R-R intervals"] > 0
    assert values["ST depression in lead V5"] == 0


@pytest.mark.parametrize("level", [0.0, 0.6])
def test_a_window_without_beats_says_nothing(level: float) -> None:
    assert not measure_signs(np.full((1, 12, 1000), level, np.float32), SPEC).any()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-6, 0.01, 1.0, 10.0]), st.integers(0, 40))
def test_whatever_a_window_holds_it_is_measured(seed: int, scale: float, spikes: int) -> None:
    random = np.random.default_rng(seed)
    windows = random.normal(0, scale, (1, 12, 1000)).astype(np.float32)
    windows[0, :, random.integers(0, 1000, spikes)] += 10 * scale
    values = measure_signs(windows, SPEC)
    assert values.shape == (1, len(SIGNS))
    assert np.isfinite(values).all()
    assert np.abs(values).max() <= 20


def test_the_measured_values_are_pinned() -> None:
    """Training and serving measure the same: a change of these needs a new bundle."""
    windows = prepare(simulate(Simulation(seed=3)), SPEC).windows
    values = dict(zip(NAMES, measure_signs(windows, SPEC)[0].tolist(), strict=True))
    assert {name: round(values[name], 2) for name in GOLDEN} == pytest.approx(GOLDEN, abs=0.02)


def test_names_and_wordings_are_all_different() -> None:
    wordings = [wording for sign in SIGNS for wording in sign.wordings]
    assert len(set(NAMES)) == len(SIGNS)
    assert len(set(wordings)) == len(wordings)


def test_the_catalogue_states_signs_that_can_be_measured() -> None:
    stated = {sign for condition in Catalogue.load().conditions for sign in condition.signs}
    assert stated
    assert stated <= set(NAMES)
