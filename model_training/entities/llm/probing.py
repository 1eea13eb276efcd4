"""What an endpoint can do, found out with a report that is nobody's.

Only of this report the endpoint's own words are told: they may repeat what was sent.
"""

import asyncio
from collections.abc import Awaitable, Callable

from model_training.entities.llm.config import MODES, LlmConfig, Mode
from model_training.entities.llm.errors import AnswerError, EndpointRefuses, FailureKind
from model_training.entities.llm.retrying import wait_s

PROBE = "Sinus rhythm. Left bundle branch block."
# Some endpoints answer 500 to a mode that they do not know; a passing 500 does not come twice.
_SERVER_ERRORS = 2
_DOWN = {FailureKind.TIMEOUT, FailureKind.CONNECTION, FailureKind.RATE_LIMITED}

# Asks for a report in a mode; raises what `LlmReader` raises.
Ask = Callable[[str, Mode], Awaitable[object]]


async def find_mode(ask: Ask, config: LlmConfig) -> Mode:
    """The first mode in which the probe is answered as asked, or else the first answered at all.

    Args:
        ask: Sends a report and reads the answer.
        config: Names one mode, or `auto` for all in the order of `MODES`.

    Raises:
        EndpointRefuses: The probe is answered in none; with the endpoint's words on each.
    """
    named = config.structured_output
    faults: dict[Mode, AnswerError] = {}
    for mode in MODES if named == "auto" else (named,):
        fault = await _fault(ask, mode, config)
        if fault is None:
            return mode
        faults[mode] = fault
        if fault.kind in _DOWN:
            break
    for mode, fault in faults.items():
        # What the model answers says little of the endpoint, and a report may fare better.
        if fault.is_bad_answer or fault.kind is FailureKind.REFUSED_BY_MODEL:
            return mode
    raise EndpointRefuses("; ".join(f"{mode}: {_told(fault)}" for mode, fault in faults.items()))


async def fault_of_probe(ask: Ask, mode: Mode) -> str:
    """What the endpoint says to the probe now, asked once."""
    try:
        await ask(PROBE, mode)
    except (AnswerError, EndpointRefuses) as error:
        return f"a made-up report: {_told(error)}"
    return "a made-up report is answered"


async def _fault(ask: Ask, mode: Mode, config: LlmConfig) -> AnswerError | None:
    """Why the probe is not answered in this mode; passing troubles are waited for."""
    attempts = 0
    while True:
        attempts += 1
        try:
            await ask(PROBE, mode)
        except EndpointRefuses as error:
            raise EndpointRefuses(_told(error)) from None
        except AnswerError as error:
            wait = wait_s(config, error, attempts, bad_answers=config.max_answers)
            if error.kind is FailureKind.SERVER_ERROR and attempts >= _SERVER_ERRORS:
                wait = None
            if wait is None:
                return error
            await asyncio.sleep(wait)
        else:
            return None


def _told(error: AnswerError | EndpointRefuses) -> str:
    return f"{error}: {error.words}" if error.words else str(error)
