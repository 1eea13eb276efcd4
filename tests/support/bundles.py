"""Bundles that are like the shipped one and yet others."""

import shutil
from pathlib import Path

from ecg_core.bundle import FUSION_FILE, load_bundle, write_manifest
from service import SHIPPED_BUNDLE_DIR


def make_bundle(folder: Path, *, version: str = "other", temperature: float = 2.0) -> str:
    """A copy of the shipped bundle with other calibration, so that its probabilities differ.

    Returns:
        Its digest.
    """
    shutil.copytree(SHIPPED_BUNDLE_DIR, folder)
    manifest = load_bundle(folder).manifest
    calibration = manifest.calibration.model_copy(update={"temperature": temperature})
    changed = manifest.model_copy(update={"version": version, "calibration": calibration})
    write_manifest(folder, changed)
    return load_bundle(folder).digest


def break_bundle(folder: Path) -> None:
    """Alter one of its files, so that it matches its manifest no more."""
    with (folder / FUSION_FILE).open("ab") as stream:
        stream.write(b"!")


def point_to(link: Path, folder: Path) -> None:
    """Turn a link to a bundle's folder to another one, at once."""
    fresh = link.with_name(f"{link.name}.new")
    fresh.symlink_to(folder, target_is_directory=True)
    fresh.replace(link)
