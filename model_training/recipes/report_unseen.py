"""Sections of the report on conditions that were kept from training."""

from model_training.recipes.report_tables import Results, Row, interval, missing, table

_NAMES = {
    "ours": "ours",
    "merl": "MERL-style: aligned with reports",
    "ked": "KED-style: label queries with self-attention",
    "fixed": "fixed labels: the nearest trained condition's output",
    "random": "our head on a random encoder",
}


def render_unseen(results: Results) -> str:
    """Ours and the peers on left-out conditions, on fold 10 and elsewhere."""
    title = "Conditions that were kept from training"
    if "unseen" not in results:
        return missing(title, "leave_out")
    unseen = results["unseen"]
    text = (
        f"## {title}\n\n"
        "In several trainings each of these conditions is left out once, with its narrower ones "
        "and those that say nearly the same: no label of them, no wording of another condition "
        "that names them, no report that mentions them. Labels of other broader conditions stay. "
        "Then they are asked: ours as the service asks, by the signs that the catalogue states, a "
        "peer in the way that was better on fold 9, by signs or by name and description. All "
        "methods have the same ECG encoder, recordings, labels, wordings, augmentation and number "
        "of epochs; the measured signs are ours alone (*no_signs*, ours without them, is no peer). "
        "Recordings of fold 10; "
        f"{unseen['conditions']} conditions with at least {unseen['min_positives']} positives. "
        "*Ahead*: ours minus the peer in points, paired bootstrap over recordings, 1,000 "
        "resamples, two-sided p. Run "
        f"`{unseen['run']}`.\n\n" + _methods(unseen)
    )
    parts = [text, "![unseen conditions](plots/unseen.png)"]
    for key, said in (
        ("unseen_fold_9", "The same on fold 9, where choices were made:"),
        ("unseen_external", "The same conditions on recordings of other hospitals, pooled; few:"),
    ):
        if key in results:
            parts.append(said + "\n\n" + _methods(results[key]))
    return "\n\n".join(parts)


def _methods(unseen: Results) -> str:
    ours: Row = ("**ours**", _auroc(unseen, bold=True), _auprc(unseen), "", "")
    peers: list[Row] = [
        (
            _NAMES.get(name, name) + ("; asked by signs" if row["by_signs"] else ""),
            _auroc(row),
            _auprc(row),
            interval(row["ours_ahead"]["points"], row["ours_ahead"]["ci95"]),
            row["ours_ahead"]["p_value"],
        )
        for name, row in unseen["peers"].items()
    ]
    head = ("method", "macro AUROC (95 % CI)", "macro AUPRC (95 % CI)", "ahead (95 % CI)", "p")
    size = f"N = {unseen['n']}, {unseen['conditions']} conditions."
    return table(head, [ours, *peers]) + "\n\n" + size


def _auroc(row: Results, *, bold: bool = False) -> str:
    return interval(row["auroc"], row["ci95"], bold=bold)


def _auprc(row: Results) -> str:
    return interval(row["auprc"], row["auprc_ci95"])


def render_familiarity(results: Results) -> str:
    """Known, near and unseen apart."""
    levels = {"known": results.get("known"), **results.get("unseen_familiarity", {})}
    rows: list[Row] = [
        (level, row["classes"], row["n"], _auroc(row), _auprc(row))
        for level, row in levels.items()
        if row is not None
    ]
    if not rows:
        return missing("By familiarity", "evaluate")
    head = ("familiarity", "conditions", "N", "macro AUROC (95 % CI)", "macro AUPRC (95 % CI)")
    return (
        "## By familiarity\n\n"
        "*Known*: trained, every condition with a positive in fold 10. *Near* and *unseen*: kept "
        f"from training, with and without a trained condition whose text has a cosine similarity "
        f"of at least {results.get('near_similarity')}: the bound that best tells wordings of "
        "trained conditions from names of strangers.\n\n" + table(head, rows)
    )


def render_conditions(results: Results) -> str:
    """One row a condition: as trained, and as left out by every method."""
    rows = results.get("unseen_conditions")
    left_out = {row["condition"] for row in rows or ()}
    known: list[Row] = [
        (name, area)
        for name, area in sorted(results.get("known_conditions", {}).items(), key=lambda i: -i[1])
        if name not in left_out
    ]
    text = "## Condition by condition\n\nAUROC on fold 10.\n\n"
    if rows:
        methods = [name for name in _NAMES if name in rows[0]]
        head = ("left out", "positives", "nearest trained", "cosine", "when trained", *methods, "p")
        keys = ("condition", "positives", "nearest", "similarity", "known", *methods, "p_value")
        text += (
            table(head, [tuple(row.get(key) for key in keys) for row in rows])
            + "\n\n*p*: DeLong's test of ours against the best peer, two-sided; empty where one "
            "positive tells nothing.\n\n"
        )
    if not known:
        return text.rstrip() if rows else missing("Condition by condition", "evaluate")
    return text + table(("trained, not left out", "AUROC"), known)
