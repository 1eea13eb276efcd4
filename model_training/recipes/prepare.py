"""Check a public release and prepare its recordings once, into a store to train from.

python -m model_training.recipes.prepare \
    --release mimic-iv-ecg --source /data/mimic-iv-ecg --store stores/mimic-iv-ecg --workers 16

A release with faults is refused with a list of all of them (`faults.csv` beside the store);
`--leave-out empty_report` leaves out the recordings that have that fault, and counts them.
Interrupted, it is resumed by running it again. docs/train/data.md says what is checked and stored.
"""

import argparse
import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from ecg_core.preprocessing import PreprocessingSpec
from model_training.data.releases.base import OF_RECORDINGS, BrokenRelease, ReleaseFaultCode
from model_training.data.releases.registry import RELEASES
from model_training.data.store import (
    RecordingStore,
    StoreError,
    StoreManifest,
    StoreRequest,
    build_store,
)

_FAULTS = "faults.csv"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the status is 0, or 2 if there is no store at the end."""
    options = _parser().parse_args(arguments)
    try:
        manifest = build_store(_request(options), options.workers)
        if options.verify:
            RecordingStore.open(options.store).verify()
    except BrokenRelease as error:
        listed = _write_faults(options.store, error)
        print(f"{error}\nevery one of them: {listed}", file=sys.stderr)
        return 2
    except StoreError as error:
        print(error, file=sys.stderr)
        return 2
    (options.store / _FAULTS).unlink(missing_ok=True)
    _tell(manifest)
    return 0


def _request(options: argparse.Namespace) -> StoreRequest:
    stated = yaml.safe_load(options.config.read_text()) if options.config else {}
    spec = PreprocessingSpec.model_validate(stated.get("preprocessing", {}))
    return StoreRequest(
        release=options.release,
        source=options.source,
        store=options.store,
        preprocessing=spec,
        sample_type=options.sample_type,
        leave_out=frozenset(map(ReleaseFaultCode, options.leave_out)),
        shard_recordings=options.shard_recordings,
    )


def _write_faults(store: Path, error: BrokenRelease) -> Path:
    store.mkdir(parents=True, exist_ok=True)
    with (store / _FAULTS).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["code", "item", "detail"])
        writer.writerows((fault.code.value, fault.item, fault.detail) for fault in error.faults)
    return store / _FAULTS


def _tell(manifest: StoreManifest) -> None:
    print(f"{manifest.recordings} recordings of {manifest.listed} that are listed")
    for reason, count in manifest.left_out.items():
        print(f"left out, {reason}: {count}")
    if manifest.longer_than_window:
        print(f"longer than the window that is kept: {manifest.longer_than_window}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Prepare a public release into a store.")
    parser.add_argument("--release", choices=[*RELEASES], required=True, help="which release it is")
    parser.add_argument("--source", type=Path, required=True, help="folder it was downloaded to")
    parser.add_argument("--store", type=Path, required=True, help="folder to write")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument(
        "--leave-out",
        choices=sorted(OF_RECORDINGS),
        action="append",
        default=[],
        help="leave out and count recordings with this fault; may be given several times",
    )
    parser.add_argument(
        "--config",
        type=Path,
        help="YAML file of the training run, for its `preprocessing`; by default the service's",
    )
    parser.add_argument("--sample-type", choices=["float16", "float32"], default="float16")
    parser.add_argument("--shard-recordings", type=int, default=256, help="redone after a kill")
    parser.add_argument("--verify", action="store_true", help="read it all again at the end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
