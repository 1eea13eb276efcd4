"""The report of an evaluation in Markdown, from the same data as `results.json`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from model_training.reporting.report_lead_sets import lead_set_targets, render_lead_sets
from model_training.reporting.report_more import (
    render_ablations,
    render_cuts,
    render_external,
    render_probe,
    render_rest,
)
from model_training.reporting.report_unseen import (
    render_conditions,
    render_familiarity,
    render_unseen,
    render_unseen_elsewhere,
    render_unseen_plot,
)
from model_training.reporting.tables import Results, Row, interval, not_measured, table

AUPRC_INTERVALS = "log odds"
PUBLISHED = Path("docs/measured/results")
_EVERYONE = "seen_all_recordings"
# Models without text, each shown where the run has it.
_BESIDE = ("random_encoder", "reference")
_SEEN_TARGETS = {"super": 91, "sub": 91, "form": 85, "rhythm": 92}


def render_results(results: Results) -> str:
    """The whole report; a section whose figures are missing says how they are made."""
    sections = (
        _head,
        _targets,
        _seen,
        render_unseen,
        render_unseen_plot,
        render_unseen_elsewhere,
        render_familiarity,
        _wording,
        render_external,
        _calibration,
        render_lead_sets,
        render_probe,
        render_cuts,
        render_ablations,
        render_rest,
        render_conditions,
    )
    return "\n\n".join(filter(None, (section(results) for section in sections))) + "\n"


def _head(results: Results) -> str:
    data = results["data"]
    left_out = ", ".join(f"{count} {reason}" for reason, count in data["left_out"].items())
    return (
        "# Results\n\n"
        f"Made by `make evaluate`, that is\n\n```\n{results['command']}\n```\n\n"
        f"Trained on {data['training']} recordings of {data.get('release', 'PTB-XL')} "
        "(folds 1-8) and "
        f"{data['conditions']} conditions; every choice was made on fold 9 "
        f"({data['validation']}); the figures are of fold 10 ({data['test']}). "
        f"Recordings that the quality check refused: {left_out or 'none'}.{_faulty(data)}"
    )


def _faulty(data: Results) -> str:
    """Recordings that the release lists and training has not, for its own faults."""
    faults = ", ".join(f"{count} {code}" for code, count in data.get("faults", {}).items())
    return f" Listed by the release, but left out for its faults: {faults}." if faults else ""


def _targets(results: Results) -> str:
    rows = [row for row in _target_rows(results) if row[2] is not None]
    shown: list[Row] = [
        (what, target, figure, "yes" if holds(figure) else "**no**")
        for what, target, figure, holds in rows
    ]
    return "## What was set to be reached\n\nSet before this was measured; fold 10.\n\n" + table(
        ("what", "target", "measured", "reached"), shown
    )


def _target_rows(results: Results) -> list[tuple[str, str, Any, Callable[[Any], bool]]]:
    unseen = results.get("unseen", {})
    ahead = unseen.get("ahead", {}).get("points")
    bundle = results.get("bundle", {})
    return [
        *(
            (f"seen conditions, {name}, {whose}: AUROC", f"at least {least}",
             results[key][name]["auroc"], lambda figure, least=least: figure >= least)
            for key, whose in (("seen", "the set's recordings"), (_EVERYONE, "all recordings"))
            for name, least in _SEEN_TARGETS.items()
            if key in results
        ),
        ("unseen conditions: AUROC", "at least 80", unseen.get("auroc"), lambda f: f >= 80),
        ("ahead of the best peer, points", "at least 1.96", ahead, lambda f: f >= 1.96),
        ("p of that", "below 0.05", unseen.get("p_value"), lambda f: f < 0.05),
        ("unseen wording, points lost", "at most 2", _drop(results), lambda f: f <= 2),
        ("calibration error", "at most 0.03", results["calibration"]["ece"], lambda f: f <= 0.03),
        *lead_set_targets(results),
        ("bundle, MB", "at most 40", bundle.get("megabytes"), lambda f: f <= 40),
        ("one recording and 20 queries, ms", "at most 25", bundle.get("latency_ms_20_queries"),
         lambda f: f <= 25),
    ]  # fmt: skip


def _drop(results: Results) -> float | None:
    return results["wording"]["held_out"]["drop"] if "wording" in results else None


def _seen(results: Results) -> str:
    title = "Conditions it was trained on, asked by text"
    if "seen" not in results:
        return f"## {title}\n\n{_known(results['known'])}"
    return (
        f"## {title}\n\n"
        f"Each class is one query. {_told_of_published(results)}*Random encoder* is a linear "
        "probe on an encoder that was never trained. The *reference* is the row that was set to "
        "be held: a plain ResNet1D of 0.5 M parameters on the same recordings. Classes without a "
        "positive recording in fold 10 cannot be scored. Intervals: "
        f"{_intervals(results)}.\n\n"
        "On the benchmark's own recordings: those with at least one statement of the set.\n\n"
        + _set_table(results, "seen")
        + "\n\nOn all recordings of fold 10, where one that is not in a set has none of its "
        "classes. The reference does not say which of the two it is.\n\n"
        + _set_table(results, _EVERYONE)
    )


def _told_of_published(results: Results) -> str:
    if "as_published" not in results:
        return ""
    known = results["as_published"]["known"]
    return (
        "*SuPreME as published* is `supreme.yaml`: encoder, frozen text encoder and "
        "cross-attention, on the same recordings and labels ([its report](supreme/results.md)); "
        f"over all conditions it has {interval(known['auroc'], known['ci95'])} where ours has "
        f"{interval(results['known']['auroc'], results['known']['ci95'])}. "
    )


def _intervals(results: Results) -> str:
    text = "percentile bootstrap over recordings, 1,000 resamples"
    if results.get("auprc_intervals") == AUPRC_INTERVALS:
        return f"{text}; of AUPRC on the scale of its log odds, where few positives allow for more"
    return f"{text} (too narrow for AUPRC, and too high, where positives are few)"


def _known(row: Results) -> str:
    return (
        "These recordings are in none of the benchmark's sets. Over all trained conditions with a "
        f"positive recording in fold 10: macro AUROC {interval(row['auroc'], row['ci95'])}, macro "
        f"AUPRC {interval(row['auprc'], row['auprc_ci95'])}, {row['classes']} conditions."
    )


def _set_table(results: Results, key: str) -> str:
    sets, published = results[key], results.get("as_published", {}).get(key, {})
    beside = [name for name in _BESIDE if any(name in row for row in sets.values())]
    head = (
        "set",
        "classes",
        "N",
        *(("SuPreME as published",) if published else ()),
        "macro AUROC (95 % CI)",
        *(name.replace("_", " ") for name in beside),
        "macro AUPRC (95 % CI)",
        "prevalence %",
    )
    rows = [
        _set_row(
            row,
            (name,),
            (_area(published[name]),) if published else (),
            tuple(row.get(other, "–") for other in beside),
        )
        for name, row in sets.items()
    ]
    return table(head, rows)


def _area(row: Results) -> str:
    return interval(row["auroc"], row["ci95"]) if "ci95" in row else str(row["auroc"])


def _set_row(row: Results, name: Row, published: Row, beside: Row) -> Row:
    if "n" not in row:
        return (*name, "", "", *published, f"**{row['auroc']}**", *beside, "", "")
    return (
        *name,
        row["classes"],
        row["n"],
        *published,
        interval(row["auroc"], row["ci95"], bold=True),
        *beside,
        interval(row["auprc"], row["auprc_ci95"]),
        row["prevalence"],
    )


def _wording(results: Results) -> str:
    if "wording" not in results:
        return "## The same conditions in other words\n\nMeasured on the benchmark's sets only."
    rows: list[Row] = [
        (kind.replace("_", "-"), row["classes"], row["wordings"], row["auroc_by_name"],
         row["auroc_by_wording"], row["drop"])
        for kind, row in results["wording"].items()
        if kind != "drop"
    ]  # fmt: skip
    head = ("asked by", "classes", "wordings", "AUROC by name", "AUROC by wording", "drop")
    return (
        "## The same conditions in other words\n\n"
        "The service looks a query up in the catalogue first, so a listed synonym, abbreviation or "
        "German term gets the answer of the condition's name, to the last bit (drop 0). The table "
        "goes **past the catalogue**: each wording is embedded as free text. *Held-out* wordings "
        "are in neither the catalogue nor the training."
        + _published_drop(results)
        + "\n\n"
        + table(head, rows)
    )


def _published_drop(results: Results) -> str:
    if "as_published" not in results:
        return ""
    return f" SuPreME as published loses {results['as_published']['wording_drop']} points by them."


def _calibration(results: Results) -> str:
    row = results["calibration"]
    text = (
        "## Calibration and abstention\n\n"
        f"Expected calibration error (15 bins) over {row['pairs']} pairs of recording and "
        f"condition in fold 10: **{row['ece']}** after temperature and bias fitted on fold 9, "
        f"{row['ece_uncalibrated']} before."
    )
    if "classwise" in row:
        text += "\n\n" + _classwise(row["classwise"])
    if "abstention" not in row:
        return text + "\n\n" + not_measured("evaluate")
    if results.get("unseen_calibration"):
        text += "\n\n" + _unseen_calibration(results["unseen_calibration"])
    surest: list[Row] = [
        (f"{100 * point['coverage']:.0f} %", f"{100 * point['error']:.2f} %")
        for point in row["abstention"]
    ]
    return (
        text + "\n\n![reliability](plots/reliability.png)\n\n"
        "Who answers only the surest pairs (probability furthest from one half) is wrong less "
        "often. Most pairs are a condition that is absent, and easily seen to be.\n\n"
        + table(("answered", "wrong"), surest)
        + "\n\n![abstention](plots/abstention.png)"
    )


def _classwise(row: Results) -> str:
    return (
        "Class by class (mean over conditions, ten bins of equal width) the error is "
        f"**{row['ece']}**. Perfectly calibrated answers of this sharpness would have "
        f"{row['floor']} ± {row['floor_sd']} on so few recordings (simulated), answers that know "
        f"the prevalence alone {row['prevalence']}: they use one bin.{_above(row)} Brier "
        f"score {row['brier']}, of the prevalence {row['brier_prevalence']}."
    )


def _above(row: Results) -> str:
    if "above_floor" not in row:
        return ""
    return f" Above its floor the error is {row['above_floor']}."


_ASKED = {
    "by_signs": "left-out conditions, asked by signs",
    "by_name": "left-out conditions, asked by name",
    "in_other_words": "trained conditions in held-out words",
}


def _unseen_calibration(ways: Results) -> str:
    rows: list[Row] = [
        (_ASKED[name], row["pairs"], row["ece"], row["ece_as_known"]) for name, row in ways.items()
    ]
    return (
        "What is not known gets a temperature, a bias and a weight of its similarity to the "
        "nearest trained condition, fitted on fold 9 of left-out conditions and of trained ones in "
        "other words. The calibration error on fold 10:\n\n"
        + table(("asked", "pairs", "calibration error", "if taken as known"), rows)
    )
