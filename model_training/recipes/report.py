"""The report of an evaluation in Markdown, from the same data as `results.json`."""

from collections.abc import Mapping
from typing import Any

COMMAND = (
    "python -m model_training.recipes.evaluate "
    "--config model_training/recipes/configs/ptbxl_cpu.yaml --shared ../shared/data"
)


def render_results(results: Mapping[str, Any]) -> str:
    """The whole report."""
    sections = (_head(results), _seen(results), _wording(results), _calibration(results))
    return "\n\n".join(sections) + "\n"


def _table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _head(results: Mapping[str, Any]) -> str:
    data = results["data"]
    left_out = ", ".join(f"{count} {reason}" for reason, count in data["left_out"].items())
    return (
        "# Results\n\n"
        f"Made by `make evaluate`, that is\n\n```\n{COMMAND}\n```\n\n"
        f"Trained on {data['training']} recordings of PTB-XL (folds 1-8) and "
        f"{data['conditions']} conditions; every choice was made on fold 9 "
        f"({data['validation']}); the figures are of fold 10 ({data['test']}). "
        f"Recordings that the quality check refused: {left_out or 'none'}."
    )


def _seen(results: Mapping[str, Any]) -> str:
    return (
        "## Conditions it was trained on, asked by text\n\n"
        "Each class is one query. *Fixed outputs* is the same encoder under a classifier that "
        "knows nothing but these conditions (this run's warm-up). *Random encoder* is a linear "
        "probe on an encoder that was never trained. The *reference* is the row that was set to "
        "be held: a plain ResNet1D of 0.5 M parameters on the same recordings. Classes without a "
        "positive recording in fold 10 cannot be scored. Intervals: percentile bootstrap over "
        "recordings, 1,000 resamples.\n\n"
        "On the benchmark's own recordings: those with at least one statement of the set.\n\n"
        + _set_table(results["seen"])
        + "\n\nOn all recordings of fold 10, where one that is not in a set has none of its "
        "classes. The reference does not say which of the two it is; its figure on *form* is in "
        "reach of the fixed outputs on all recordings only.\n\n"
        + _set_table(results["seen_all_recordings"])
    )


def _set_table(sets: Mapping[str, Any]) -> str:
    head = (
        "set",
        "classes",
        "N",
        "macro AUROC (95 % CI)",
        "fixed outputs",
        "random encoder",
        "reference",
        "macro AUPRC (95 % CI)",
        "prevalence %",
    )
    return _table(head, [_set_row(name, row) for name, row in sets.items()])


def _set_row(name: str, row: Mapping[str, Any]) -> tuple[object, ...]:
    others = (row["fixed_outputs"], row["random_encoder"], row["reference"])
    if "n" not in row:
        return (name, "", "", f"**{row['auroc']}**", *others, "", "")
    return (
        name,
        row["classes"],
        row["n"],
        f"**{row['auroc']}** ({row['ci95'][0]}-{row['ci95'][1]})",
        *others,
        f"{row['auprc']} ({row['auprc_ci95'][0]}-{row['auprc_ci95'][1]})",
        row["prevalence"],
    )


def _wording(results: Mapping[str, Any]) -> str:
    rows: list[tuple[object, ...]] = [
        (kind.replace("_", "-"), row["classes"], row["wordings"], row["auroc_by_name"],
         row["auroc_by_wording"], row["drop"])
        for kind, row in results["wording"].items()
    ]  # fmt: skip
    head = ("asked by", "classes", "wordings", "AUROC by name", "AUROC by wording", "drop")
    return (
        "## The same conditions in other words\n\n"
        "The service looks a query up in the catalogue first, so a listed synonym, abbreviation or "
        "German term gets the answer of the condition's name, to the last bit (drop 0). The table "
        "goes **past the catalogue**: each wording is embedded as free text. *Held-out* wordings "
        "are in neither the catalogue nor the training.\n\n" + _table(head, rows)
    )


def _calibration(results: Mapping[str, Any]) -> str:
    row = results["calibration"]
    return (
        "## Calibration\n\n"
        f"Expected calibration error (15 bins) over {row['pairs']} pairs of recording and "
        f"condition in fold 10: **{row['ece']}** after temperature and bias fitted on fold 9, "
        f"{row['ece_uncalibrated']} before."
    )
