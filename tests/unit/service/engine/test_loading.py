"""The engine by itself: in a process where nothing of a web service can be imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ecg_core.conditions import Catalogue
from ecg_core.errors import InvalidBundle, InvalidQuery
from service.engine.diagnosis import Question
from service.engine.loading import EngineOptions, load_engine
from service.observability.metrics import Metrics
from service.runtime.assembly import load_runtime
from service.settings import Settings
from tests.support.bundles import break_bundle, make_bundle
from tests.support.recordings import make_csv, make_recording

ABSENT = (
    "fastapi", "starlette", "uvicorn", "redis", "prometheus_client", "pydantic_settings", "sqlite3",
    "h11", "python_multipart",
)  # fmt: skip
QUERIES = ("atrial fibrillation", "LBBB", "no sinus rhythm", "T waves like a camel's hump")
PROGRAM = """
import json, sys
from pathlib import Path
absent = sys.argv[1].split(",")
sys.modules.update(dict.fromkeys(absent))  # importing them fails from now on
from ecg_core.readers import UploadedFile
from service.engine.diagnosis import Question
from service.engine.loading import load_engine
path = Path(sys.argv[2])
files = [UploadedFile(path.name, path.read_bytes())]
found = load_engine().diagnose(files, Question(tuple(sys.argv[3:])))
assert [name for name in absent if sys.modules[name] is not None] == []
print(json.dumps({finding.query.text: finding.probability for finding in found.findings}))
"""


def test_a_bundle_diagnoses_where_no_part_of_a_service_can_be_imported(tmp_path: Path) -> None:
    (file,) = make_csv(make_recording())
    table = tmp_path / file.name
    table.write_bytes(file.content)
    command = [sys.executable, "-c", PROGRAM, ",".join(ABSENT), str(table), *QUERIES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    runtime = load_runtime(Settings(store_path=tmp_path / "conditions.sqlite3"), Metrics())
    try:
        served = runtime.engine.diagnose([file], Question(QUERIES))
    finally:
        runtime.close()
    assert json.loads(done.stdout) == {f.query.text: f.probability for f in served.findings}


def test_without_queries_the_catalogue_is_asked_for() -> None:
    findings = load_engine().diagnose(make_csv(make_recording()), Question()).findings
    asked = {finding.query.condition.id for finding in findings if finding.query.condition}
    assert asked == {condition.id for condition in Catalogue.load().conditions}


def test_the_options_bound_what_is_asked() -> None:
    engine = load_engine(options=EngineOptions(max_queries=1))
    with pytest.raises(InvalidQuery):
        engine.diagnose(make_csv(make_recording()), Question(("AFib", "LBBB")))


def test_a_bundle_that_was_altered_is_refused(tmp_path: Path) -> None:
    make_bundle(tmp_path / "bundle")
    break_bundle(tmp_path / "bundle")
    with pytest.raises(InvalidBundle):
        load_engine(tmp_path / "bundle")
