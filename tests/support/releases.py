"""Builders of small public releases, each in the layout in which it is downloaded."""

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.io import savemat

from ecg_core.files import file_digest
from ecg_core.leads import LEADS
from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.recording import Recording
from model_training.data.store import StoreManifest, StoreRequest
from model_training.data.store.layout import FORMAT_VERSION, INDEX, MANIFEST
from tests.support.recordings import make_recording, make_wfdb


def finish_store(folder: Path, spec: PreprocessingSpec, recordings: int, **stated: Any) -> None:
    """The manifest of a store whose index and windows were written by hand."""
    usual = {"release": "mimic-iv-ecg", "sample_type": "float32", "listed": recordings}
    manifest = StoreManifest(
        format_version=FORMAT_VERSION,
        plan="",
        preprocessing=spec,
        recordings=recordings,
        longer_than_window=0,
        index_sha256=file_digest(folder / INDEX),
        shards=(),
        **{**usual, "left_out": {}, **stated},
    )
    (folder / MANIFEST).write_text(manifest.model_dump_json())


def write_record(
    stem: Path,
    recording: Recording | None = None,
    *,
    matlab: bool = False,
    comments: Iterable[str] = (),
) -> None:
    """A WFDB record under this name; comments are whole lines, with their `#`."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    for file in make_wfdb(recording or make_recording(), matlab=matlab):
        content = file.content
        if file.suffix == ".hea":
            text = content.decode().replace("record", stem.name)
            content = (text + "".join(f"{line}\n" for line in comments)).encode()
        stem.with_name(stem.name + file.suffix).write_bytes(content)


def write_checksums(root: Path) -> None:
    """`SHA256SUMS.txt` over all files, as PhysioNet writes it."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.relative_to(root).as_posix()}\n"
        for path in files
    ]
    (root / "SHA256SUMS.txt").write_text("".join(lines))


def write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """A CSV with the rows' keys as its columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def at(heart_rate_bpm: float, sampling_rate_hz: float = 100.0) -> Recording:
    """A recording that is known again by its heart rate."""
    return make_recording(heart_rate_bpm=heart_rate_bpm, sampling_rate_hz=sampling_rate_hz)


def write_ptb_xl(root: Path, count: int = 3) -> Path:
    """PTB-XL with ids 1 to `count`, of 50 + id beats a minute; the first three are of one man."""
    rows = []
    for ecg_id in range(1, count + 1):
        low, high = (f"records{r}/00000/{ecg_id:05d}_{s}" for r, s in ((100, "lr"), (500, "hr")))
        write_record(root / low, at(50 + ecg_id))
        write_record(root / high, at(50 + ecg_id, 500.0))
        is_normal = (ecg_id + ecg_id // 10) % 2  # not by fold: each has both, if there are enough
        codes = "{'NORM': 100.0, 'SR': 0.0}" if is_normal else "{'IMI': 80.0}"
        rows.append(
            {
                "ecg_id": ecg_id,
                "patient_id": f"{max(ecg_id, 3)}.0",
                "report": f"sinusrhythmus, nummer {ecg_id}",
                "scp_codes": codes,
                "strat_fold": 1 + ecg_id % 10,
                "filename_lr": low,
                "filename_hr": high,
            }
        )
    write_table(root / "ptbxl_database.csv", rows)
    statements = [{"": code, "description": code.lower()} for code in ("NORM", "SR", "IMI")]
    write_table(root / "scp_statements.csv", statements)
    (root / "RECORDS").write_text(
        "".join(f"{r['filename_lr']}\n{r['filename_hr']}\n" for r in rows)
    )
    write_checksums(root)
    return root


def write_mimic(root: Path, count: int = 3) -> Path:
    """MIMIC-IV-ECG: the first two studies are of one patient; the third holds a stretch of NaN."""
    order = ("I", "II", "III", "aVR", "aVF", "aVL", *LEADS[6:])
    records, measurements = [], []
    for number in range(count):
        study, subject = f"{40000001 + number}", f"{10000000 + max(number, 1)}"
        path = f"files/p1000/p{subject}/s{study}/{study}"
        recording = make_recording(leads=order, heart_rate_bpm=60 + number)
        if number == 2:
            samples_mv = recording.samples_mv.copy()
            samples_mv[3, 100:200] = -32.768  # what WFDB writes for a sample that is not valid
            recording = Recording(samples_mv, order, 500.0, "wfdb")
        write_record(root / path, recording)
        ids = {"subject_id": subject, "study_id": study}
        records.append({**ids, "file_name": study, "ecg_time": "2180-01-01", "path": path})
        lines = ["Sinus rhythm", "Borderline ECG."] if number == 0 else ["Normal ECG"]
        if number > 2 and number % 2:
            lines = ["Atrial fibrillation"]
        reports = {f"report_{n}": lines[n] if n < len(lines) else "" for n in range(18)}
        measurements.append({**ids, "cart_id": 7, **reports, "rr_interval": 800})
    write_table(root / "record_list.csv", records)
    write_table(root / "machine_measurements.csv", measurements)
    (root / "RECORDS").write_text("".join(f"{row['path']}\n" for row in records))
    write_checksums(root)
    return root


def write_challenge(root: Path, count: int = 1) -> Path:
    """A Challenge's training set of two sources in groups; `count` recordings of each."""
    for stem, codes in (("cpsc_2018/g1/A", "426783006"), ("ptb/g1/S", "164865005")):
        names = [f"{Path(stem).name}{number:04d}" for number in range(1, count + 1)]
        for number, name in enumerate(names):
            held = codes if number % 2 == 0 else "164889003"
            comments = ["#Age: 74", f"#Dx: {held}"]
            write_record((root / stem).with_name(name), matlab=True, comments=comments)
        (root / stem).with_name("RECORDS").write_text("".join(f"{name}\n" for name in names))
    (root / "RECORDS").write_text("cpsc_2018/g1/\nptb/g1/\n")
    return root


def write_chapman(root: Path, count: int = 2) -> Path:
    """Chapman-Shaoxing-Ningbo; every other recording has atrial fibrillation."""
    names = [f"JS{number:05d}" for number in range(1, count + 1)]
    for number, name in enumerate(names):
        codes = "426783006,999999999" if number % 2 else "164889003,164930006"
        stem = root / "WFDBRecords/01/010" / name
        write_record(stem, matlab=True, comments=[f"#Dx: {codes}"])
    (root / "WFDBRecords/01/010/RECORDS").write_text("".join(f"{name}\n" for name in names))
    (root / "RECORDS").write_text("WFDBRecords/01/010/\n")
    names = [{"Acronym Name": "AFIB", "Full Name": "Atrial Fibrillation", "Snomed_CT": 164889003}]
    write_table(root / "ConditionNames_SNOMED-CT.csv", names)
    write_checksums(root)
    return root


def write_cpsc2018(root: Path, count: int = 2) -> Path:
    """CPSC2018 as released: 1 is normal, 5 a right bundle branch block, 8 ST depression."""
    root.mkdir(parents=True)
    names = [f"A{number:04d}" for number in range(1, count + 1)]
    for number, name in enumerate(names, start=1):
        samples_mv = at(60 + number, 500.0).samples_mv.astype(np.float64)
        savemat(root / f"{name}.mat", {"ECG": {"sex": "Male", "age": 74, "data": samples_mv}})
    labels = ("First_label", "Second_label", "Third_label")
    rows = [(name, (5, 8, "") if n % 2 == 0 else (1, "", "")) for n, name in enumerate(names)]
    write_table(
        root / "REFERENCE.csv",
        [{"Recording": name, **dict(zip(labels, held, strict=True))} for name, held in rows],
    )
    return root


def write_code15(root: Path, more: Sequence[int] = ()) -> Path:
    """CODE-15% with two parts; exam 22 lasts 7 s and lies between zeros; `more` of even number
    have atrial fibrillation, as exam 11 has."""
    root.mkdir(parents=True)
    flags = ("1dAVb", "RBBB", "LBBB", "SB", "ST", "AF")
    rows = []
    for part, exams in enumerate(((11, 22), (33, *more))):
        tracings = np.zeros((len(exams) + 1, 4096, 12), dtype=np.float32)
        for row, exam_id in enumerate(exams):
            length = 2800 if exam_id == 22 else 4000
            start = (4096 - length) // 2
            samples_mv = at(50 + exam_id % 50, 400.0).samples_mv
            tracings[row, start : start + length] = samples_mv[:, :length].T
            has_af = exam_id == 11 or (exam_id in more and exam_id % 2 == 0)
            held = {name: name == "AF" and has_af for name in flags}
            file = f"exams_part{part}.hdf5"
            rows.append(
                {
                    "exam_id": exam_id,
                    "patient_id": 5 if exam_id < 34 else exam_id,
                    "trace_file": file,
                    **held,
                }
            )
        with h5py.File(root / f"exams_part{part}.hdf5", "w") as stream:
            stream["exam_id"] = np.array([*exams, 0])
            stream["tracings"] = tracings
    write_table(root / "exams.csv", rows)
    return root


def request_of(source: Path, store: Path, **changed: Any) -> StoreRequest:
    """A store of what `write_ptb_xl` writes, exact, in shards of two; some of it changed."""
    settings: dict[str, Any] = {"release": "ptb-xl-100", "preprocessing": PreprocessingSpec()}
    settings |= {"sample_type": "float32", "shard_recordings": 2}
    return StoreRequest(source=source, store=store, **(settings | changed))
