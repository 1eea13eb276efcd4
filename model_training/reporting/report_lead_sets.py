"""What is said of recordings with leads missing, short or poor ones: figures, and verdicts."""

from collections.abc import Callable
from typing import Any

from model_training.reporting.tables import Results, Row, table

_POOR = {
    "as_they_are": "poor as they are",
    "noise_added": "made poor by noise",
    "the_same_without_noise": "the same, without the noise",
}
_WORDS = {"calibrated": "calibrated", "uncalibrated": "not calibrated"}


def render_lead_sets(results: Results) -> str:
    """The figures; nothing of a network that was not calibrated for fewer leads."""
    if "lead_sets" not in results:
        return ""
    found = results["lead_sets"]
    return "\n\n".join(
        (
            "## Missing leads, short and poor recordings",
            "Fold 9 decided which conditions are answered from fewer leads, and of which the "
            "probability is called calibrated ([by condition](lead_sets.md)); fold 10 shows it. "
            "Limb leads that follow from two others are there: I and II are `limb`, the eight "
            "independent leads are `12`. *ECE*: over the pairs that are called calibrated. *False "
            "alarms*: normal ECGs with an infarction above 0.2 among those that are answered. "
            "AUROC: all recordings, whether a condition is answered or not.",
            _set_table(found["sets"]),
            _flat_table(found["flat"]),
            _doubtful_table(found),
            _decided(found["decided"]),
        )
    )


def lead_set_targets(results: Results) -> list[tuple[str, str, Any, Callable[[Any], bool]]]:
    """What was set to be reached with fewer leads: what, target, figure, whether it holds."""
    sets = results.get("lead_sets", {}).get("sets")
    if sets is None:
        return []
    errors = [row["ece"] for row in sets.values() if row["ece"] is not None]
    rhythm = [sets[name]["auroc"].get("rhythm") for name in ("12", "II")]
    lost = None if None in rhythm else round(rhythm[0] - rhythm[1], 2)
    return [
        ("calibration error, any set of leads", "at most 0.03", max(errors, default=None),
         lambda f: f <= 0.03),
        *(
            (f"false infarctions in normal ECGs, {name}", "at most 0.02", sets[name]["alarms"],
             lambda f: f <= 0.02)
            for name in ("limb", "II")
        ),
        ("rhythm by II alone, points lost", "at most 3", lost, lambda f: f <= 3),
    ]  # fmt: skip


def _set_table(sets: Results) -> str:
    groups = list(dict.fromkeys(name for row in sets.values() for name in row["auroc"]))
    rows: list[Row] = [
        (name, row["calibrated"], row["uncalibrated"], row["unanswered"], row["ece"],
         _percent(row["alarms"]), *(row["auroc"].get(group) for group in groups))
        for name, row in sets.items()
    ]  # fmt: skip
    head = ("leads", "calibrated", "not calibrated", "not answered", "ECE", "false alarms")
    return table((*head, *(f"AUROC {group}" for group in groups)), rows)


def _flat_table(flat: Results) -> str:
    rows: list[Row] = [
        (count, _percent(row["answered"]), _percent(row["called_calibrated"]), row["ece"])
        for count, row in flat.items()
    ]
    return "Flat leads, any of the twelve, are left out like missing ones:\n\n" + table(
        ("flat", "pairs answered", "pairs called calibrated", "ECE of those"), rows
    )


def _doubtful_table(found: Results) -> str:
    ways = {f"the first {seconds} s": row for seconds, row in found["short"].items()}
    ways |= {_POOR[name]: row for name, row in found["poor"].items()}
    rows: list[Row] = [
        (way, row["recordings"], row["auroc"], row["ece"]) for way, row in ways.items()
    ]
    return "All trained conditions with the calibration of whole recordings:\n\n" + table(
        ("recordings", "N", "AUROC", "ECE"), rows
    )


def _decided(decided: Results) -> str:
    poor = "are" if decided["poor_is_calibrated"] else "are not"
    return (
        f"So probabilities are called calibrated from {decided['shortest_calibrated_s']:g} s on, "
        f"and {poor} on recordings with the warning `poor_quality`."
    )


def render_verdicts(found: Results) -> str:
    """A page of its own: every condition that some set answers, and how."""
    sets = found["decided"]["sets"]
    names = sorted({name for one in sets for kind in _WORDS for name in one[kind]})
    rows: list[Row] = [(name, *(_verdict(one, name) for one in sets)) for name in names]
    return (
        "# What is answered from fewer leads\n\n"
        "Made by `make evaluate`; decided on fold 9 by the rule in "
        "`model_training/evaluation/lead_verdicts.py`. An empty cell, and a condition that is not "
        "listed: `answerable: false` with `missing_leads`. Other leads are answered by the largest "
        "of these sets that they hold, the rest unused.\n\n"
        + table(("condition", *(one["name"] for one in sets)), rows)
        + "\n"
    )


def _verdict(one: Results, name: str) -> str | None:
    return next((words for kind, words in _WORDS.items() if name in one[kind]), None)


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f} %"
