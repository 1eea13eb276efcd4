"""Answers as tables for people."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from api_schemas import (
    Condition,
    Diagnosis,
    DiagnosisWarning,
    Finding,
    ModelDescription,
    ReadCondition,
)
from api_schemas.interpretation_text import interpretation_text
from cardioquery.cli.text import printable

if TYPE_CHECKING:
    from service.access.key_file import KeyRecord

BAR_WIDTH = 16
_COLOURS = {"known": "green", "near": "yellow", "unseen": "magenta"}


def diagnosis_view(
    diagnosis: Diagnosis, *, ascii_only: bool = False, asked: bool = True
) -> RenderableType:
    """Findings with bars, then what was done, warnings, and what the answer is for.

    Args:
        diagnosis: What the service answered.
        ascii_only: Whether bars are drawn in ASCII.
        asked: Whether something in particular was; else the findings are a list for reading: in two
            parts, without the broader ones that a narrower one says already.
    """
    recording = diagnosis.recording
    about = (
        f"{recording.format}, {len(recording.leads)} leads, {recording.sampling_rate_hz:g} Hz, "
        f"{recording.duration_s:g} s"
    )
    model = f"{diagnosis.model.name} {diagnosis.model.version}"
    time_ms = diagnosis.timings_ms.total
    return Group(
        _line(f"Recording: {about}"),
        *_findings_views(diagnosis.findings, ascii_only=ascii_only, asked=asked),
        *_listed("Warnings", [_warning_text(warning) for warning in diagnosis.warnings], "yellow"),
        *_listed("Preprocessing", diagnosis.preprocessing, "dim"),
        _line(f"Model: {model}, {time_ms:.0f} ms, request {diagnosis.request_id}", "dim"),
        _line(f"For {diagnosis.model.intended_use}.", "bold"),
    )


def conditions_table(conditions: Iterable[Condition]) -> Table:
    """One condition a line."""
    table = _table("id", "name", "trained", "familiarity", "nearest trained condition", "origin")
    for condition in conditions:
        table.add_row(
            Text(printable(condition.id)),
            Text(printable(condition.name)),
            Text(_yes_or_no(condition.trained)),
            _familiarity(condition.familiarity),
            _nearest(condition),
            Text("built in" if condition.built_in else "added"),
        )
    return table


def condition_view(condition: Condition) -> Table:
    """All that is known of one condition."""
    codes = "\n".join(f"{coding.system} {coding.code}" for coding in condition.codes)
    added = "built in" if condition.created_at is None else condition.created_at.isoformat()
    facts = {
        "id": condition.id,
        "name": condition.name,
        "text": condition.text,
        "synonyms": ", ".join(condition.synonyms) or "-",
        "codes": codes or "-",
        "group": condition.group or "-",
        "trained": _yes_or_no(condition.trained),
        "base rate": "-" if condition.base_rate is None else f"{condition.base_rate:.2%}",
        "familiarity": condition.familiarity,
        "nearest": _nearest(condition).plain,
        "added": added,
    }
    return _facts_table(facts)


def reading_view(read: ReadCondition) -> RenderableType:
    """How a text is read, and what of it is not."""
    existing = "-" if read.existing is None else read.existing.id
    facts = {"read as": interpretation_text(read.interpreted_as), "exists as": existing}
    warnings = [_warning_text(warning) for warning in read.warnings]
    return Group(_facts_table(facts), *_listed("Warnings", warnings, "yellow"))


def keys_table(keys: "Iterable[KeyRecord]", last_used: Mapping[str, str] | None = None) -> Table:
    """One API key a line; nothing of the key itself but its id.

    Args:
        keys: What the file holds.
        last_used: Time of each key's last use, where that is known.
    """
    columns = ["id", "name", "scopes", "state", "created", "expires", "limit"]
    table = _table(*columns, *([] if last_used is None else ["last used"]))
    for key in keys:
        expires = "never" if key.expires_at is None else f"{key.expires_at:%Y-%m-%d}"
        table.add_row(
            Text(key.id),
            Text(printable(key.name)),
            Text(", ".join(sorted(key.scopes))),
            Text(key.state, "green" if key.state == "active" else "red"),
            Text(f"{key.created_at:%Y-%m-%d}"),
            Text(expires),
            Text(key.rate_limit or "-"),
            *([] if last_used is None else [Text(last_used.get(key.id, "never")[:16])]),
        )
    return table


def model_view(description: ModelDescription) -> RenderableType:
    """The model's identity and parameters; the whole card is printed with `--json`."""
    model = description.model
    facts = {
        "name": model.name,
        "version": model.version,
        "digest": model.digest,
        "intended use": model.intended_use,
        "trained conditions": str(len(description.trained_conditions)),
        "ECG encoder": _parameters(description.ecg_encoder),
        "text encoder": _parameters(description.text_encoder),
        "preprocessing": _parameters(description.preprocessing),
        "card": ", ".join(description.card),
    }
    return Group(_facts_table(facts), _line("The whole card: cardioquery model --json", "dim"))


def facts_view(facts: dict[str, str], lists: Mapping[str, Sequence[str]]) -> RenderableType:
    """Facts of one thing, and what there is to say of it under a title each."""
    said = [line for title, lines in lists.items() for line in _listed(title, lines, "yellow")]
    return Group(_facts_table(facts), *said)


def output() -> Console:
    """A console on standard output; made anew, since tests exchange the stream."""
    return Console(highlight=False)


def _findings_views(
    findings: Sequence[Finding], *, ascii_only: bool, asked: bool
) -> Iterator[RenderableType]:
    if asked or all(finding.trained is None for finding in findings):
        yield _findings_table(findings, "read as", ascii_only=ascii_only)
        return
    ids = {finding.condition_id for finding in findings}
    shown = [each for each in findings if each.part_of is None or each.part_of not in ids]
    parts = {
        "Trained conditions, by probability:": [each for each in shown if each.trained],
        "Other conditions, by probability over base rate:": [e for e in shown if not e.trained],
    }
    for title, part in parts.items():
        if part:
            yield _line(title)
            yield _findings_table(part, "group", ascii_only=ascii_only)
    if folded := len(findings) - len(shown):
        said = f"Not shown: {folded} that a narrower finding says already; --json has them."
        yield _line(said, "dim")


def _findings_table(findings: Sequence[Finding], third: str, *, ascii_only: bool) -> Table:
    """Findings; the third column is what the query is "read as", or the condition's "group"."""
    rates = ["base rate"] if any(finding.base_rate is not None for finding in findings) else []
    table = _table("#", "query", third, "probability", "", *rates, "familiarity", "nearest trained")
    for finding in findings:
        read = interpretation_text(finding.interpreted_as)
        table.add_row(
            "-" if finding.rank is None else str(finding.rank),
            Text(printable(finding.query)),
            Text(printable(read if third == "read as" else finding.group or "-")),
            *_probability_cells(finding, ascii_only=ascii_only),
            *(Text(_base_rate(finding)) for _ in rates),
            _familiarity(finding.familiarity),
            Text() if finding.familiarity == "known" else _nearest(finding),
        )
    if any(finding.answerable and not finding.calibrated for finding in findings):
        table.caption = "* not calibrated on this condition: an order, not a frequency"
        table.caption_justify = "left"
    return table


def _probability_cells(finding: Finding, *, ascii_only: bool) -> tuple[Text, Text]:
    if finding.probability is None:
        return Text("no answer", "yellow"), Text((finding.reason or "").replace("_", " "))
    text = f"{finding.probability:.1%}" + ("" if finding.calibrated else " *")
    measured = finding.measured
    if measured is not None:
        text += f" ({measured.value:g} {measured.unit})"
    return _bar(finding.probability, ascii_only=ascii_only), Text(text)


def _base_rate(finding: Finding) -> str:
    if finding.base_rate is None:
        return "-"
    times = "" if finding.lift is None else f" (x {finding.lift:.2g})"
    return f"{finding.base_rate:.1%}{times}"


def _yes_or_no(said: bool | None) -> str:
    return "-" if said is None else "yes" if said else "no"


def _bar(probability: float, *, ascii_only: bool) -> Text:
    filled = round(probability * BAR_WIDTH)
    full, empty = ("#", ".") if ascii_only else ("█", "░")
    return Text(full * filled, "cyan") + Text(empty * (BAR_WIDTH - filled), "dim")


def _familiarity(familiarity: str) -> Text:
    return Text(printable(familiarity), _COLOURS.get(familiarity, ""))


def _nearest(of: Finding | Condition) -> Text:
    nearest = of.nearest_condition
    if nearest is None:
        return Text()
    return Text(f"{printable(nearest.name)} ({nearest.similarity:.2f})")


def _warning_text(warning: DiagnosisWarning) -> str:
    about = warning.lead or warning.query
    return f"{warning.code}{f' [{about}]' if about else ''}: {warning.detail}"


def _listed(title: str, lines: Sequence[str], style: str) -> list[RenderableType]:
    if not lines:
        return []
    indented = (Padding(_line(line, style), (0, 0, 0, 2)) for line in lines)
    return [_line(f"{title}:", style), *indented]


def _line(text: str, style: str = "") -> Text:
    return Text(printable(text), style)


def _parameters(parameters: dict[str, object] | object) -> str:
    if not isinstance(parameters, dict):
        return str(parameters)
    return ", ".join(f"{name} {value}" for name, value in parameters.items())


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE, pad_edge=False, show_edge=False)
    for column in columns:
        rigid = column in {"#", "probability", "", "familiarity"}
        justify: JustifyMethod = "right" if column == "#" else "left"
        table.add_column(column, no_wrap=rigid, overflow="fold", justify=justify)
    return table


def _facts_table(facts: dict[str, str]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, Text(printable(value)))
    return table
