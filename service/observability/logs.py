"""Logs: one JSON object a line, and nothing in it that others wrote."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType


class JsonFormatter(logging.Formatter):
    """One JSON object a line. Of an exception: its class and where, never its message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of one record."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        line |= {key: value for key in _EXTRA if (value := getattr(record, key, None)) is not None}
        if record.exc_info and record.exc_info[0] is not None:
            line |= _exception(record.exc_info[1], record.exc_info[2])
        return json.dumps(line, ensure_ascii=False, default=str)


_EXTRA = ("request_id", "trace_id", "method", "route", "status", "duration_ms")
_OUR_LOGGERS = ("service", "ecg_core", "cardioquery", "uvicorn")


def _message(record: logging.LogRecord) -> str:
    """The message, if we wrote it ourselves; others' messages and tracebacks may quote anything."""
    message = record.getMessage()
    if record.name.partition(".")[0] not in _OUR_LOGGERS or message.startswith("Traceback"):
        return "(withheld)"
    return message


def _exception(error: BaseException | None, trace: TracebackType | None) -> dict[str, object]:
    cause = None if error is None else error.__cause__
    frames = traceback.extract_tb(trace)
    return {
        "exception": type(error).__name__,
        "cause": None if cause is None else type(cause).__name__,
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def configure_logging(level: str) -> None:
    """Send every log line of this process to standard output as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    # The access line above says more, and nothing that it should not.
    logging.getLogger("uvicorn.access").disabled = True
