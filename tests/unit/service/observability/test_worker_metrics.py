import json
import os
import subprocess
import sys
from pathlib import Path

from service.observability.worker_metrics import forget_worker
from tests.support.paths import REPOSITORY

# prometheus_client chooses how it counts when it is imported: only a process of its own will do.
WORKER = """
import json, os, sys
from pathlib import Path
from service.observability.metrics import Metrics
from service.observability.worker_metrics import forget_worker
folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
metrics = Metrics(folder)
metrics.model("name", "1", "old")
metrics.model("name", "1", "new")
metrics.request("/diagnose", "POST", 200, 0.1)
metrics.stages({"parse": 0.004})
metrics.waiting.inc()
metrics.redis_reachable(len(sys.argv) < 3)
if sys.argv[1] != "0":
    forget_worker(folder, int(sys.argv[1]))
print(json.dumps([os.getpid(), metrics.render().decode()]), flush=True)
sys.stdin.read()
"""


def test_files_have_all_their_blocks_while_a_worker_lives_and_only_those_in_use_after(
    tmp_path: Path,
) -> None:
    worker = start(tmp_path, "0")
    process_id, _ = told(worker)
    files = sorted(tmp_path.iterdir())
    assert {path.name.rpartition("_")[0] for path in files} == {
        *("counter", "histogram", "gauge_livemax", "gauge_livemin", "gauge_livesum")
    }
    for path in files:
        # With a hole in it, the worker would die of SIGBUS once the disk is full.
        assert 512 * path.stat().st_blocks >= path.stat().st_size >= 64 * 1024
    finish(worker)
    forget_worker(tmp_path, process_id)
    left = sorted(tmp_path.iterdir())
    assert [path.name for path in left] == [
        f"{k}_{process_id}.db" for k in ("counter", "histogram")
    ]
    assert all(path.stat().st_size < 64 * 1024 for path in left)
    last = start(tmp_path, "0")
    assert 'requests_total{method="POST",route="/diagnose",status="200"} 2.0' in told(last)[1]
    finish(last)


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder), "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def told(worker: subprocess.Popen[str]) -> tuple[int, str]:
    assert worker.stdout is not None
    process_id, text = json.loads(worker.stdout.readline())
    return process_id, text


def finish(worker: subprocess.Popen[str]) -> None:
    worker.communicate(timeout=60)


def test_workers_count_together_and_the_dead_keep_only_what_they_counted(tmp_path: Path) -> None:
    first = start(tmp_path, "0")
    first_id, _ = told(first)
    second = start(tmp_path, "0", "redis is down")
    second_id, text = told(second)
    for line in (
        'cardioquery_requests_total{method="POST",route="/diagnose",status="200"} 2.0',
        'cardioquery_stage_seconds_count{stage="parse"} 2.0',
        "cardioquery_queue_waiting 2.0",
        "cardioquery_redis_up 0.0",
        'cardioquery_model_info{digest="new",name="name",version="1"} 1.0',
        f'process_cpu_seconds_total{{pid="{first_id}"}}',
        f'process_resident_memory_bytes{{pid="{second_id}"}}',
    ):
        assert line in text
    assert 'digest="old"' not in text
    finish(second)
    third = start(tmp_path, str(second_id))
    _, text = told(third)
    assert 'requests_total{method="POST",route="/diagnose",status="200"} 3.0' in text
    assert "cardioquery_queue_waiting 2.0" in text
    assert "cardioquery_redis_up 1.0" in text
    assert f'pid="{second_id}"' not in text
    finish(first)
    finish(third)
