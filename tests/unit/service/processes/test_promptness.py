import subprocess
import sys
from pathlib import Path

# On its first tick there is more, and the model is reloaded; then what is found out is printed.
PROGRAM = """
import gc
import signal
import sys
from service.app import create_app
from service.processes.server import Server
from service.settings import Settings

class Asked(Server):
    at_first = 0
    more = None

    async def on_tick(self, counter):
        if self.more is None:
            self.at_first = gc.get_freeze_count()
            self.more = [[] for _ in range(1000)]
            print(self.at_first, len(gc.get_objects()), sys.getswitchinterval())
            signal.raise_signal(signal.SIGHUP)
        elif gc.get_freeze_count() >= self.at_first + 1000:
            self.should_exit = True
        return await super().on_tick(counter)

settings = Settings(store_path=sys.argv[1], port=0)
Asked(create_app(settings), settings).run()
"""


def test_the_collector_passes_over_the_model_and_threads_share_the_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "conditions.sqlite3")]
    # With what is reloaded not passed over as well, it would not end.
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=120)
    numbers = next(line for line in done.stdout.splitlines() if not line.startswith("{")).split()
    passed_over, looked_at, switch_s = map(float, numbers)
    assert passed_over > 50_000
    assert looked_at < passed_over / 5
    assert switch_s < 0.001
