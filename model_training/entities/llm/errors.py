"""What can go wrong when a language model reads reports.

::

    AnswerError                one request's failure; some are worth another try
    EndpointRefuses            no request can succeed: the run stops, and can be resumed

No message holds a report, an answer or the key. The endpoint's own words are told only where the
prompt's probe was asked in place of a report.
"""

from dataclasses import dataclass
from enum import StrEnum


class FailureKind(StrEnum):
    """Why a report has no answer."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    REJECTED = "rejected"  # 4xx that is about this report: too long, filtered
    NOT_JSON = "not_json"
    WRONG_SCHEMA = "wrong_schema"
    TRUNCATED = "truncated"
    REFUSED_BY_MODEL = "refused_by_model"


@dataclass(frozen=True, slots=True)
class ExtractionFailure:
    """A report without an answer.

    Attributes:
        report_id: The caller's id of the report.
        kind: Why.
        attempts: How often it was asked.
        detail: What helps to mend it: a status, fields of a schema; never text of the report.
    """

    report_id: str
    kind: FailureKind
    attempts: int
    detail: str


class AnswerError(Exception):
    """One request did not give an answer.

    Attributes:
        kind: Why.
        detail: Without text of the report or of the answer.
        retry_after_s: How long the endpoint asks to wait, if it does.
        words: The endpoint's own on the fault, bounded. They may repeat the report.
    """

    def __init__(
        self,
        kind: FailureKind,
        detail: str,
        retry_after_s: float | None = None,
        words: str = "",
    ) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.words = words

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.kind in _TRANSIENT

    @property
    def is_bad_answer(self) -> bool:
        """Whether the model answered, but not what was asked for."""
        return self.kind in _BAD_ANSWER


_TRANSIENT = {
    FailureKind.TIMEOUT,
    FailureKind.CONNECTION,
    FailureKind.RATE_LIMITED,
    FailureKind.SERVER_ERROR,
}
_BAD_ANSWER = {FailureKind.NOT_JSON, FailureKind.WRONG_SCHEMA, FailureKind.TRUNCATED}


class EndpointRefuses(Exception):
    """No report can be read: key, address or model is wrong, or the endpoint is down.

    Attributes:
        words: The endpoint's own on the fault, bounded; not in the message unless put there.
    """

    def __init__(self, why: str, words: str = "") -> None:
        super().__init__(why)
        self.words = words
