"""How long to wait before a report is asked for again."""

import random

from model_training.entities.llm.config import LlmConfig
from model_training.entities.llm.errors import AnswerError

_LONGEST_DOUBLING = 30


def wait_s(config: LlmConfig, error: AnswerError, attempts: int, bad_answers: int) -> float | None:
    """The wait before the next try, in seconds; None if there is to be none.

    Args:
        config: How often, and how long at most.
        error: Of the last try.
        attempts: Tries so far.
        bad_answers: How many of them were answered, but not as asked.
    """
    if error.is_bad_answer:
        return 0.0 if bad_answers < config.max_answers else None
    if not error.is_transient or attempts >= config.max_attempts:
        return None
    asked_s = error.retry_after_s or 0.0
    if asked_s > config.max_backoff_s:
        return None
    doubled_s = config.backoff_s * 2 ** min(attempts - 1, _LONGEST_DOUBLING)
    # Random, so that requests that failed together do not come back together.
    return asked_s + random.uniform(0, min(doubled_s, config.max_backoff_s))  # noqa: S311
