"""Sections of the report on conditions that were kept from training."""

from model_training.reporting.tables import Results, Row, interval, missing, table

_NAMES = {
    "ours": "ours",
    "supreme": "SuPreME as published",
    "rules": "rules alone: the catalogue's signs, weighted 1/k, no network",
    "merl": "MERL-style: aligned with reports",
    "ked": "KED-style: label queries with self-attention",
    "fixed": "fixed labels: the nearest trained condition's output",
    "merl_signs": "MERL-style, given the signs",
    "ked_signs": "KED-style, given the signs",
    "fixed_signs": "fixed labels, given the signs",
}


def render_unseen(results: Results) -> str:
    """Ours and the peers on left-out conditions of fold 10."""
    title = "Conditions that were kept from training"
    if "unseen" not in results:
        return missing(title, "leave_out")
    unseen = results["unseen"]
    text = (
        f"## {title}\n\n"
        "In several trainings each of these conditions is left out once, with its narrower ones "
        "and those that say nearly the same: no label of them, no wording of another condition "
        "that names them, no report that mentions them. Labels of other broader conditions stay. "
        "Then they are asked, here without anything composed: ours by the signs that the catalogue "
        "states, put to the network at once, a peer in the way that was better on fold 9, by signs "
        "or by name and description. All "
        "methods have the same ECG encoder, recordings, labels, wordings, augmentation and number "
        "of epochs; a peer has the measured signs where its row says so. The rules are no peer. "
        "Recordings of fold 10; "
        f"{unseen['conditions']} conditions with at least {unseen['min_positives']} positives. "
        "*Ahead*: ours minus the peer in points, paired bootstrap over recordings, 1,000 "
        "resamples, two-sided p. Run "
        f"`{unseen['run']}`.\n\n" + _methods(unseen)
    )
    published = results.get("as_published", {}).get("left_out", {})
    return "\n\n".join(filter(None, (text, _ways(unseen, published), _own_signs(unseen))))


def render_unseen_plot(results: Results) -> str:
    """The plot of the same, where the report has one."""
    return "![unseen conditions](plots/unseen.png)" if "unseen" in results else ""


def render_unseen_elsewhere(results: Results) -> str:
    """The same on fold 9 and on recordings of other hospitals."""
    sections = (
        ("unseen_fold_9", "The same on fold 9, where choices were made:"),
        ("unseen_external", "The same conditions on recordings of other hospitals, pooled; few:"),
    )
    found = [f"{said}\n\n{_methods(results[key])}" for key, said in sections if key in results]
    return "\n\n".join(found)


_WAYS = {
    "by_signs": "the catalogue's signs",
    "by_name": "name",
    "by_description": "the catalogue's description",
    "by_waveform": "waveform description, held out",
    "by_third_party": "prompts of a third party",
}


_NOT_PAIRED = (
    " *Not paired*: SuPreME was trained and asked by itself (`leave_out --method supreme`), so "
    "only the intervals can be compared."
)


def _ways(unseen: Results, published: Results) -> str:
    rows: list[Row] = [
        (said, row["conditions"], row["texts"], _auroc(row, bold=True),
         *_supreme(row, published.get(way)), *_beside(row, "rules"),
         *_beside(row, "best_peer"), *_beside(row, "best_peer_with_signs"))
        for way, said in _WAYS.items()
        if (row := unseen.get(way))
    ]  # fmt: skip
    if not rows:
        return ""
    head = ("asked by", "conditions", "texts", "ours (95 % CI)", "SuPreME as published", "ahead",
            "rules", "ahead", "best peer", "ahead", "best peer with signs", "ahead")  # fmt: skip
    return (
        "The same conditions in five ways, as the service reads and composes them. No text leads "
        "to the catalogue's entry: what was left out is taken out of what the reader reads, and "
        "signs and measurements that a text names are read. Rules and peers are asked by the text "
        "alone or composed likewise, whichever was better on fold 9; the *best* is the best of "
        f"this very table.{_NOT_PAIRED if published else ''}\n\n"
        + table(head, rows)
        + _seeds(unseen.get("seeds", {}))
    )


def _seeds(found: Results) -> str:
    rows: list[Row] = [
        (_WAYS[way], _NAMES.get(method, method), row["seeds"], f"{row['mean']} ± {row['sd']}")
        for way, methods in found.items()
        for method, row in methods.items()
    ]
    if not rows:
        return ""
    head = ("asked by", "method", "seeds", "AUROC, mean ± standard deviation")
    return "\n\nTrained with several seeds:\n\n" + table(head, rows)


def _beside(row: Results, whom: str) -> tuple[object, object]:
    if whom not in row:
        return None, None
    found = row[whom]
    ahead = found["ours_ahead"]
    name = "" if whom == found["method"] else f"{found['method']} "
    return (
        f"{name}{found['auroc']}",
        f"{interval(ahead['points'], ahead['ci95'])}, p = {ahead['p_value']}",
    )


def _supreme(row: Results, published: Results | None) -> tuple[object, object]:
    """Beside ours where both were trained, else as it was measured by itself."""
    if "supreme" in row or not published:
        return _beside(row, "supreme")
    return _auroc(published), "not paired"


def _own_signs(unseen: Results) -> str:
    row = unseen.get("without_own_signs")
    if not row:
        return ""
    rules = row["peers"].get("rules", {}).get("auroc")
    beside = "" if rules is None else f", the rules {rules}"
    return (
        f"Without those that are their own sign (*own_sign* below; {row['conditions']} conditions "
        f"are left), by signs: ours {_auroc(row)}{beside}."
    )


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
    text = "## By familiarity\n\n*Known*: trained, every condition with a positive in fold 10."
    if "near_similarity" in results:
        text += (
            " *Near* and *unseen*: kept from training, with and without a trained condition whose "
            f"text has a cosine similarity of at least {results['near_similarity']}: the bound "
            "that best tells wordings of trained conditions from names of strangers."
        )
    return text + "\n\n" + table(head, rows)


def _cell(value: object) -> object:
    return {True: "yes", False: ""}[value] if isinstance(value, bool) else value


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
        own = ("own_sign",) if "own_sign" in rows[0] else ()
        told = ("condition", "positives", "nearest", "similarity", *own, "known")
        said = ("left out", "positives", "nearest trained", "cosine", *own, "when trained")
        head, keys = (*said, *methods, "p"), (*told, *methods, "p_value")
        text += (
            table(head, [tuple(_cell(row.get(key)) for key in keys) for row in rows])
            + "\n\n*p*: DeLong's test of ours against the best peer, two-sided; empty where one "
            "positive tells nothing.\n\n"
        )
    if not known:
        return text.rstrip() if rows else missing("Condition by condition", "evaluate")
    return text + table(("trained, not left out", "AUROC"), known)
