"""How a query was read, in one line for people."""

from api_schemas.diagnosis import Interpretation

_COMPARATORS = {
    "above": ">",
    "at_least": ">=",
    "below": "<",
    "at_most": "<=",
    "about": "about",
    "between": "",
}


def interpretation_text(read: Interpretation) -> str:
    """One line: "not (atrial fibrillation)", "pr_interval > 200 ms", "A and B"."""
    parts = [interpretation_text(part) for part in read.parts or []]
    match read.kind:
        case "measurement":
            return _measurement_text(read)
        case "not":
            return f"not ({parts[0]})"
        case "all_of" | "any_of":
            return (" and " if read.kind == "all_of" else " or ").join(parts)
        case "description":
            rest = ["other words"] if read.unread else []
            return "description: " + ", ".join([*parts, *rest])
        case "not_answerable":
            return "-"
        case _:
            return read.name or read.condition_id or "-"


def _measurement_text(read: Interpretation) -> str:
    name = f"{read.quantity}{f' in {read.lead}' if read.lead else ''}"
    limit = f"{read.value:g}" if read.upper is None else f"{read.value:g} to {read.upper:g}"
    comparator = _COMPARATORS.get(read.comparator or "", read.comparator or "")
    return " ".join(part for part in (name, comparator, limit, read.unit or "") if part)
