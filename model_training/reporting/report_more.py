"""Sections of the report beside the main ones: probes, ablations, other hospitals, the bundle."""

from model_training.reporting.tables import (
    BASE,
    Results,
    Row,
    interval,
    missing,
    not_measured,
    table,
)

_PARTS = {
    "known": "all trained conditions",
    "not_trained": "conditions that were never trained",
    "cpsc2018": "classes of CPSC2018",
    "csn": "classes of Chapman-Shaoxing-Ningbo",
}


def render_external(results: Results) -> str:
    """Recordings of other hospitals."""
    title = "Other hospitals"
    if "external" not in results:
        return missing(title, "evaluate")
    external = results["external"]
    head = ("asked", "conditions", "macro AUROC (95 % CI)", "macro AUPRC (95 % CI)", "prevalence %")
    rows: list[Row] = [
        (
            said,
            external[part]["classes"],
            interval(external[part]["auroc"], external[part]["ci95"]),
            interval(external[part]["auprc"], external[part]["auprc_ci95"]),
            external[part]["prevalence"],
        )
        for part, said in _PARTS.items()
        if part in external
    ]
    rows += [
        (
            f"{said}, within each source",
            f"{row['conditions']} ({row['classes']} pairs with a source)",
            interval(row["auroc"], row["ci95"]),
            interval(row["auprc"], row["auprc_ci95"]),
            row["prevalence"],
        )
        for part, said in _PARTS.items()
        if (row := external.get(f"{part}_by_source"))
    ]
    return (
        f"## {title}\n\n{external['recordings']} recordings of {len(external['hospitals'])} other "
        f"sources, pooled ({', '.join(external['hospitals'])}); a condition counts where a source "
        "labels it. Most have a handful of positives: the intervals say how little that tells. "
        "Of the benchmark's CPSC2018 and CSN sets there are only excerpts here.\n\n"
        + table(head, rows)
    )


def render_probe(results: Results) -> str:
    """Linear probes on frozen features."""
    title = "Linear probe"
    if "probe" not in results:
        return missing(title, "evaluate")
    rows: list[Row] = []
    for percent, row in results["probe"].items():
        sets = [row["trained"][name] for name in ("super", "sub", "form", "rhythm", "mean")]
        rows.append((f"{percent} %", row["recordings"], *sets, row["random_encoder"]["mean"]))
    head = ("training", "recordings", "super", "sub", "form", "rhythm", "mean", "random encoder")
    return (
        f"## {title}\n\n"
        "Logistic regression on the frozen features of the ECG encoder, macro AUROC on the "
        "benchmark's own recordings of fold 10. The encoder saw the labels of all training "
        "recordings before; only the probe sees fewer.\n\n" + table(head, rows)
    )


def render_cuts(results: Results) -> str:
    """What carries the answer: parts of the trained network cut out; empty if none was."""
    found = {place: cuts for place, cuts in results.get("cuts", {}).items() if cuts}
    if not found:
        return ""
    rows: list[Row] = [
        (place.replace("_", " "), row["what"], row["auroc"], *_cost(row["costs"]))
        for place, cuts in found.items()
        if place != "left_out"
        for row in cuts.values()
    ]
    rows += [
        (f"left out, {way}", row["what"], row[name]["auroc"], *_cost(row[name]["costs"]))
        for row in found.get("left_out", {}).values()
        for name, way in (("logits_by_signs", "by signs"), ("logits", "by name"))
    ]
    return (
        "## What carries the answer\n\n"
        "Parts of the trained network cut out, nothing trained anew. Macro AUROC over the trained "
        "conditions; *costs*: the whole's minus that, in points, with a paired bootstrap interval "
        "over recordings.\n\n"
        + table(("conditions", "cut out", "AUROC", "costs", "95 % CI", "p"), rows)
    )


def _cost(costs: Results) -> tuple[float, str, float]:
    low, high = costs["ci95"]
    return costs["points"], f"{low} to {high}", costs["p_value"]


def render_ablations(results: Results) -> str:
    """What each part is worth, and the learning curve."""
    title = "Ablations and learning curve"
    if "ablations" not in results:
        return missing(title, "ablate")
    found = results["ablations"]
    base = found.get(BASE)
    ablated = {name: row for name, row in found.items() if row["percent"] == 100}
    curve = sorted(
        (row for name, row in found.items() if row["percent"] < 100 or name == BASE),
        key=lambda row: row["recordings"],
    )
    budget = "; ".join(map(str, sorted({row["epochs"] for row in found.values()})))
    head = ("variant", "what differs", "fold 9", "against", "fold 10 (95 % CI)", "unseen wordings")
    rows: list[Row] = [
        (
            name,
            row["what"],
            row["fold_9"]["auroc"],
            None if base is None else _signed(row["fold_9"]["auroc"] - base["fold_9"]["auroc"]),
            interval(row["fold_10"]["auroc"], row["fold_10"]["ci95"]),
            _signed(-row["fold_10"]["unseen_wording_drop"]),
        )
        for name, row in sorted(ablated.items(), key=lambda item: item[0] != BASE)
    ]
    text = (
        f"## {title}\n\n"
        "Variants of the configuration that conditions are left out with, "
        f"trained for {budget} epochs, one seed: to be compared "
        "with one another, not with the shipped model. Macro AUROC over all trained conditions; "
        f"*against*: minus that of `{BASE}` on fold 9; *unseen wordings*: points lost on "
        "fold 10 when asked by held-out wordings. A difference of less than about a point "
        "is within chance.\n\n" + table(head, rows)
    )
    if len(curve) > 1:
        text += "\n\n" + table(
            ("training recordings", "fold 9", "fold 10 (95 % CI)"),
            [
                (
                    row["recordings"],
                    row["fold_9"]["auroc"],
                    interval(row["fold_10"]["auroc"], row["fold_10"]["ci95"]),
                )
                for row in curve
            ],
        )
        text += "\n\n![learning curve](plots/learning_curve.png)"
    return text


def _signed(points: float) -> str:
    return f"{points:+.2f}"


def render_rest(results: Results) -> str:
    """Entities and the bundle."""
    lines = []
    if "entities" in results:
        row = results["entities"]
        lines.append(
            f"Entities from reports: micro-F1 **{row['micro_f1']}**, {row['reports_per_s']} "
            "reports a second on one core (`docs/measured/results/entities.json`)."
        )
    else:
        lines.append(f"Entities: {not_measured('evaluate_entities')}")
    if "bundle" in results:
        row = results["bundle"]
        lines.append(
            f"The bundle: **{row['megabytes']} MB**; one recording and 20 queries of the catalogue "
            f"in **{row['latency_ms_20_queries']} ms** on one core (median of {row['calls']} "
            "calls, from the files to calibrated probabilities, without HTTP)."
        )
    else:
        lines.append(f"The bundle: {not_measured('measure_bundle')}")
    return "## Reading reports, and the bundle\n\n" + "\n\n".join(lines)
