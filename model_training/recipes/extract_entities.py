"""Make training labels from reports and codes, and an audit of them.

python -m model_training.recipes.extract_entities \
    --config model_training/recipes/configs/entities/ptbxl.yaml --shared ../shared/data

Writes runs/entities/<name>/labels-<digest>/: `labels.npz` and `labels.json` for
`load_label_matrix`, `audit/` to be read, `failures.csv`. Interrupted, it is resumed by running it
again. docs/train/entities.md says what the labels mean.
"""

import argparse
import json
import sys
from pathlib import Path

from pydantic import ValidationError

from model_training.entities.config import load_entities_config
from model_training.entities.llm import EndpointRefuses
from model_training.entities.pipeline import Extracted, extract_labels
from model_training.entities.tables import TableFaults


def main(arguments: list[str] | None = None) -> int:
    """Run; the status is 0, 1 if some reports failed, 2 if nothing could be made."""
    options = _parser().parse_args(arguments)
    try:
        config = load_entities_config(options.config)
        extracted = extract_labels(config, options.shared, options.runs / config.name)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in error.errors())
        return refused("\n".join(faults))
    except EndpointRefuses as error:
        return refused(f"{error}; what was answered is kept: run again to resume")
    except (TableFaults, FileNotFoundError, ValueError) as error:
        return refused(str(error))
    return _told(extracted)


def _told(extracted: Extracted) -> int:
    if not extracted.counts:
        print(f"there already: {extracted.folder}")
        return 0  # labels that lack failed reports are made anew
    print(json.dumps(extracted.counts, indent=2))
    print(extracted.folder)
    return 1 if extracted.failed else 0


def refused(why: str) -> int:
    """Say why nothing was made; the exit status of that."""
    print(why, file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Make training labels from reports and codes.")
    parser.add_argument("--config", type=Path, required=True, help="YAML file of the extraction")
    parser.add_argument("--shared", type=Path, required=True, help="folder with the releases")
    parser.add_argument("--runs", type=Path, default=Path("runs/entities"), help="where to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
