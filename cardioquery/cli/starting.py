"""Checks before the service starts, and one clear line for what is not."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from cardioquery.cli.exits import ExitCode, fail
from ecg_core.bundle import Bundle, load_bundle
from ecg_core.errors import EcgError, InvalidBundle

if TYPE_CHECKING:
    from service.settings import Settings


def read_settings(**overrides: Any) -> "Settings":
    """The environment's settings, with what the command line says instead."""
    from service.settings import Settings, faulty_settings

    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise fail(f"not valid: {faulty_settings(error)}", ExitCode.CANNOT_START) from None
    except SettingsError as error:
        raise fail(str(error), ExitCode.CANNOT_START) from None


def check_runtime() -> None:
    """The inference runtime is an extra, so it may be missing."""
    if find_spec("onnxruntime") is None:
        message = "onnxruntime is missing: pip install 'cardioquery[cpu]' (or [gpu], never both)"
        raise fail(message, ExitCode.CANNOT_START)


def open_bundle(settings: "Settings") -> Bundle:
    """The model's files, which are there and unaltered."""
    try:
        return load_bundle(settings.bundle_dir, settings.pinned_digest)
    except InvalidBundle as error:
        message = f"the model's bundle is not valid: {error} (CARDIOQUERY_BUNDLE_DIR)"
        raise fail(message, ExitCode.CANNOT_START) from None


def check_access(settings: "Settings") -> None:
    """Nobody beyond this machine is served without a key, unless that is meant."""
    from service.access.control import check_access_settings
    from service.errors import AccessMisconfigured

    try:
        check_access_settings(settings)
    except AccessMisconfigured as error:
        raise fail(str(error), ExitCode.CANNOT_START) from None


def check_port(host: str, port: int) -> None:
    """The address can be listened on."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        socket.create_server(address[:2], family=family).close()
    except OSError as error:
        raise fail(_listening_fault(error, host, port), ExitCode.CANNOT_START) from None


@contextmanager
def refusals_to_start() -> Iterator[None]:
    """Turn what the application raises while it starts into one line."""
    try:
        yield
    except EcgError as error:
        message = f"cannot start: {type(error).__name__}: {error.__cause__ or error}"
        raise fail(message, ExitCode.CANNOT_START) from None


def _listening_fault(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use: choose another one with --port"
    return f"cannot listen on {host}, port {port}: {error.strerror or error}"
