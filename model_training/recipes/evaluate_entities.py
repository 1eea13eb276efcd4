"""Measure the rules for reports on the half of PTB-XL's patients that they were not written on.

python -m model_training.recipes.evaluate_entities --shared ../shared

Writes docs/measured/results/entities.json; docs/train/entities.md says what the figures mean.
"""

import argparse
import ast
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue
from model_training.entities import Audit, Entity, Status, audit_reports
from model_training.entities.rules.extractor import shipped_extractor
from model_training.entities.scoring import (
    Expansion,
    Outcomes,
    interval,
    micro,
    nearest_code,
    with_broader,
)

COMMAND = "python -m model_training.recipes.evaluate_entities --shared ../shared"
MIN_POSITIVES = 20  # in the rule half
MENTIONED_RECALL = 0.5  # in the rule half
_SPEED_ROUNDS = 3
_AUDIT_LINES = 40
_UNCERTAIN_TOO = frozenset({Status.PRESENT, Status.UNCERTAIN})


@dataclass(frozen=True, eq=False)
class Half:
    """Reports of half the patients, what was read in them, and what they are coded as."""

    ids: tuple[str, ...]
    patients: NDArray[np.int64]
    reports: tuple[str, ...]
    codes: tuple[frozenset[str], ...]
    entities: tuple[tuple[Entity, ...], ...]


def main() -> None:
    """Measure and write the figures."""
    arguments = _arguments()
    rule_half, held_out = read_halves(arguments.shared / "data/ptb-xl/ptbxl_database.csv")
    figures = measure(rule_half, held_out, Catalogue.load())
    figures["reports_per_s"] = reports_per_second(held_out.reports)
    figures["audit_of_the_rule_half"] = _audit_lines(audit_reports(rule_half.reports))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
    print(json.dumps({k: figures[k] for k in ("micro_f1", "micro", "reports_per_s")}, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--output", type=Path, default=Path("docs/measured/results/entities.json"))
    return parser.parse_args()


def in_rule_half(patient_id: int) -> bool:
    """Whether rules may be written on this patient: the parity of a hash of the id."""
    return hashlib.sha256(str(patient_id).encode()).digest()[0] % 2 == 0


def read_halves(path: Path) -> tuple[Half, Half]:
    """The half that the rules were written on, and the other.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It has no reports, codes or patients.
    """
    table = pd.read_csv(path, usecols=["ecg_id", "patient_id", "report", "scp_codes"])
    chosen = table["patient_id"].astype(np.int64).map(in_rule_half)
    return _half(table[chosen]), _half(table[~chosen])


def _half(table: pd.DataFrame) -> Half:
    reports = tuple(table["report"].fillna("").astype(str))
    extract = shipped_extractor().extract
    return Half(
        ids=tuple(table["ecg_id"].astype(str)),
        patients=table["patient_id"].to_numpy(dtype=np.int64),
        reports=reports,
        codes=tuple(frozenset(ast.literal_eval(codes)) for codes in table["scp_codes"]),
        entities=tuple(extract(report) for report in reports),
    )


def measure(rule_half: Half, held_out: Half, catalogue: Catalogue) -> dict[str, Any]:
    """All figures but the speed; the first block is the one that counts."""
    plain = _variant(rule_half, held_out, nearest_code(catalogue), frozenset({Status.PRESENT}))
    uncertain = _variant(rule_half, held_out, nearest_code(catalogue), _UNCERTAIN_TOO)
    broader = _variant(rule_half, held_out, with_broader(catalogue), frozenset({Status.PRESENT}))
    return {
        "command": COMMAND,
        "split": "by patient: rules were written on patients whose first byte of SHA-256 of the "
        "decimal patient_id is even, and are measured on the others",
        "rule_half": {"reports": len(rule_half.reports),
                      "patients": len(np.unique(rule_half.patients))},
        "held_out_half": {"reports": len(held_out.reports),
                          "patients": len(np.unique(held_out.patients))},
        "mentioned": f"at least {MIN_POSITIVES} recordings of the rule half have the code, and of "
        f"these at least {MENTIONED_RECALL:.0%} have a report that affirms it",
        "chosen": "what counts as read, as code and as mentioned was chosen with the rule half's "
        "figures of the alternatives at hand, before the other half was measured",
        "micro_f1": plain["mentioned_codes"]["f1"],
        "micro": plain["mentioned_codes"],
        "micro_all_codes": plain["all_codes"],
        "micro_without_sinus_rhythm": plain["mentioned_codes_but_sr"],
        "micro_rule_half": plain["rule_half_mentioned_codes"],
        "micro_uncertain_is_yes": uncertain["mentioned_codes"],
        "micro_all_codes_uncertain_is_yes": uncertain["all_codes"],
        "micro_with_broader_codes": broader["mentioned_codes"],
        "micro_all_codes_with_broader_codes": broader["all_codes"],
        "codes": plain["codes"],
    }  # fmt: skip


def _variant(
    rule_half: Half, held_out: Half, expand: Expansion, statuses: frozenset[Status]
) -> dict[str, Any]:
    catalogue = Catalogue.load()
    codes = scp_codes(catalogue)
    known = outcomes(rule_half, expand, statuses, catalogue)
    fresh = outcomes(held_out, expand, statuses, catalogue)
    frequent, mentioned = chosen_codes(known)
    return {
        "mentioned_codes": micro(fresh, mentioned) | interval(fresh, mentioned, held_out.patients),
        "all_codes": micro(fresh, frequent) | interval(fresh, frequent, held_out.patients),
        "mentioned_codes_but_sr": micro(fresh, mentioned & (np.array(codes) != "SR")),
        "rule_half_mentioned_codes": micro(known, mentioned),
        "codes": {
            codes[i]: {"mentioned": bool(mentioned[i]), **micro(fresh, np.arange(len(codes)) == i)}
            for i in np.argsort(-known.coded.sum(axis=0), kind="stable")
            if frequent[i]
        },
    }


def chosen_codes(rule_half: Outcomes) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which codes are frequent in the rule half, and which of these its reports mention."""
    positives = rule_half.coded.sum(axis=0)
    recall = (rule_half.coded & rule_half.read).sum(axis=0) / np.maximum(positives, 1)
    frequent = positives >= MIN_POSITIVES
    return frequent, frequent & (recall >= MENTIONED_RECALL)


def scp_codes(catalogue: Catalogue) -> list[str]:
    """The first SCP code of each condition that has one."""
    return [c.scp[0] for c in catalogue.conditions if c.scp]


def outcomes(
    half: Half, expand: Expansion, statuses: frozenset[Status], catalogue: Catalogue
) -> Outcomes:
    """What the recordings are coded as and what was read; a column for each of `scp_codes`."""
    columns = {code: column for column, code in enumerate(scp_codes(catalogue))}
    coded = np.zeros((len(half.reports), len(columns)), dtype=np.bool_)
    read = np.zeros_like(coded)
    for row, (labels, entities) in enumerate(zip(half.codes, half.entities, strict=True)):
        conditions = (catalogue.by_scp(label) for label in labels)
        for condition in conditions:
            if condition is not None:
                coded[row, [columns[code] for code in expand(condition.id)]] = True
        for entity in entities:
            if entity.status in statuses:
                read[row, [columns[code] for code in expand(entity.condition_id)]] = True
    return Outcomes(coded, read)


def reports_per_second(reports: Sequence[str]) -> int:
    """How many reports one core reads in a second of its time; the best of three rounds."""
    extract = shipped_extractor().extract
    seconds = []
    for _ in range(_SPEED_ROUNDS):
        started = time.process_time()
        for report in reports:
            extract(report)
        seconds.append(time.process_time() - started)
    return int(len(reports) / min(seconds))


def _audit_lines(audit: Audit) -> dict[str, Any]:
    return {
        "reports": audit.reports,
        "without_entity": audit.without_entity,
        "conditions": [
            {
                "id": row.condition_id,
                "reports": row.reports,
                "statuses": {str(status): count for status, count in row.statuses.items()},
                "examples": list(row.examples),
            }
            for row in audit.rows[:_AUDIT_LINES]
        ],
        "unmapped": [list(entry) for entry in audit.unmapped[:_AUDIT_LINES]],
    }


if __name__ == "__main__":
    main()
