from pathlib import Path

import pytest

from cardioquery.demo.server import ServerDidNotStart, running_server


def test_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    options = {"CARDIOQUERY_BUNDLE_DIR": str(tmp_path)}
    with (
        pytest.raises(ServerDidNotStart, match="no readable manifest"),
        running_server(options=options),
    ):
        pytest.fail("it started")


def test_server_that_is_not_ready_in_time_is_stopped() -> None:
    with pytest.raises(ServerDidNotStart), running_server(ready_within_s=0.0):
        pytest.fail("it was ready at once")
