"""Measure a language model's reading of reports beside that of the rules, on the same reports.

python -m model_training.recipes.evaluate_llm --shared ../shared \
    --config model_training/recipes/configs/entities/ptbxl_llm.yaml --reports 200

Reads reports of the half of PTB-XL's patients that the rules were not written on, and writes
docs/measured/results/entities_llm.json. Interrupted, it is resumed by running it again.
docs/train/entities.md says how to start a server, and what the figures mean.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ecg_core.conditions import Catalogue
from model_training.entities import Status
from model_training.entities.config import load_entities_config
from model_training.entities.llm import EndpointRefuses, LlmReader, LlmReading, Report
from model_training.entities.pipeline import CACHE_FILE
from model_training.entities.rules.extractor import shipped_extractor
from model_training.entities.scoring import Outcomes, interval, micro, nearest_code
from model_training.entities.sources import LlmSource
from model_training.recipes.evaluate_entities import Half, chosen_codes, outcomes, read_halves
from model_training.recipes.extract_entities import refused


def main(arguments: list[str] | None = None) -> int:
    """Measure and write the figures; the status is 2 if the endpoint cannot be asked."""
    options = _parser().parse_args(arguments)
    config = load_entities_config(options.config)
    if config.llm is None:
        return refused(f"{options.config} names no language model")
    catalogue = Catalogue.load()
    cache = options.runs / config.name / CACHE_FILE
    rule_half, held_out = read_halves(options.shared / "data/ptb-xl/ptbxl_database.csv")
    chosen = first_by_hash(held_out, options.reports)
    try:
        with LlmReader(config.llm, cache, catalogue, shipped_extractor()) as reader:
            readings = _read(reader, chosen)
            counts = LlmSource(reader, catalogue, uncertain_is_yes=False).counts()
    except (EndpointRefuses, ValueError) as error:
        return refused(f"{error}; what was answered is kept: run again to resume")
    figures = {
        "command": "python -m model_training.recipes.evaluate_llm --shared ../shared "
        f"--config {options.config.as_posix()} --reports {options.reports}",
        "model": config.llm.model,
        "run": counts,
        **compare(rule_half, chosen, readings, catalogue),
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))
    return 0


def first_by_hash(half: Half, count: int) -> Half:
    """The first reports with text by SHA-256 of the decimal `ecg_id`."""
    order = sorted(
        (number for number, report in enumerate(half.reports) if report.strip()),
        key=lambda number: hashlib.sha256(half.ids[number].encode()).digest(),
    )
    return _part(half, np.isin(np.arange(len(half.reports)), order[:count]))


def compare(
    rule_half: Half, half: Half, readings: Sequence[LlmReading], catalogue: Catalogue
) -> dict[str, Any]:
    """Precision, recall and F1 of both readers: of all reports, and of those that were answered.

    Args:
        rule_half: Decides which codes are looked at, as in `evaluate_entities`.
        half: Reports and what the rules read.
        readings: What the model read; a report that failed counts as one in which it read nothing.
        catalogue: The standard terms.
    """
    expand, present = nearest_code(catalogue), frozenset({Status.PRESENT})
    frequent, mentioned = chosen_codes(outcomes(rule_half, expand, present, catalogue))
    by_model = replace(half, entities=tuple(reading.entities for reading in readings))
    answered = np.array([reading.failure is None for reading in readings], dtype=np.bool_)

    def scores(part: Half) -> dict[str, Any]:
        found = outcomes(part, expand, present, catalogue)
        return {
            "mentioned_codes": _scores(found, mentioned, part),
            "all_codes": _scores(found, frequent, part),
        }

    return {
        "reports": len(half.reports),
        "patients": len(np.unique(half.patients)),
        "all": {"rules": scores(half), "llm": scores(by_model)},
        "answered_reports": int(answered.sum()),
        "answered": {
            "rules": scores(_part(half, answered)), "llm": scores(_part(by_model, answered))
        } if answered.any() else None,
    }  # fmt: skip


def _scores(found: Outcomes, codes: NDArray[np.bool_], part: Half) -> dict[str, Any]:
    return micro(found, codes) | interval(found, codes, part.patients)


def _part(half: Half, chosen: NDArray[np.bool_]) -> Half:
    return Half(
        ids=tuple(compress(half.ids, chosen)),
        patients=half.patients[chosen],
        reports=tuple(compress(half.reports, chosen)),
        codes=tuple(compress(half.codes, chosen)),
        entities=tuple(compress(half.entities, chosen)),
    )


def _read(reader: LlmReader, half: Half) -> list[LlmReading]:
    reports = [Report(*both) for both in zip(half.ids, half.reports, strict=True)]
    with tqdm(total=len(reports), desc="reports", mininterval=1) as progress:
        return reader.read(reports, progress)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure a language model beside the rules.")
    parser.add_argument("--config", type=Path, required=True, help="YAML file of the extraction")
    parser.add_argument("--shared", type=Path, required=True, help="folder of data/ptb-xl")
    parser.add_argument("--reports", type=int, default=200, help="how many to read")
    parser.add_argument("--runs", type=Path, default=Path("runs/entities"), help="for the answers")
    parser.add_argument(
        "--output", type=Path, default=Path("docs/measured/results/entities_llm.json")
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
