import subprocess
import sys

import psutil
import pytest

# A thread of its own, as diagnoses have. A table's buffer comes and goes, then other large ones do,
# with something small that is kept beside each.
PROGRAM = """
import sys
import threading
import psutil
from service.processes.freed_memory import give_large_buffers_back

def held():
    return psutil.Process().memory_info().rss

def work():
    kept = []
    table = bytearray(b"1") * (31 << 20)
    del table
    before = held()
    for _ in range(3):
        large = []
        for _ in range(10):
            large.append(bytearray(b"1") * (8 << 20))
            kept.append(bytearray(b"1") * 5000)
        del large
    print((held() - before) >> 20)

if sys.argv[1] == "True":
    assert give_large_buffers_back()
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def left_mib(*, given_back: bool) -> int:
    command = [sys.executable, "-c", PROGRAM, str(given_back)]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


@pytest.mark.skipif(not psutil.LINUX, reason="of glibc")
def test_large_buffers_are_given_back_when_they_are_freed() -> None:
    assert left_mib(given_back=True) < 10
    # Or there would be nothing to mend.
    assert left_mib(given_back=False) > 50
