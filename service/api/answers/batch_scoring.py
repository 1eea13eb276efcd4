"""Scoring the recordings of a batch, one answer each, whatever becomes of the others."""

import logging
from dataclasses import dataclass
from functools import partial

import api_schemas as wire
from api_schemas.batch import MAX_NAME_CHARACTERS
from ecg_core.checkpoint import Checkpoint
from service.api.answers import fhir, presenters
from service.api.answers.batch_response import ItemAnswer
from service.api.error_responses import problem_of
from service.api.problems import INTERNAL_ERROR, problem_slug
from service.engine.batch import Batch
from service.engine.deadline import Deadline
from service.engine.diagnosis import Diagnosis
from service.observability.metrics import Metrics
from service.runtime.assembly import Runtime
from service.runtime.working_memory import BYTES_A_BYTE

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class BatchScorer:
    """Answers the recordings of a batch; what is wrong with one stays with it.

    Attributes:
        runtime, metrics: The service's.
        batch: The recordings and what is asked of each.
        deadline: Of the whole batch, waiting included.
        seconds_each: Longest time for computing one answer.
        request_id: Stands in every answer.
        turn: Whose turns its recordings take.
        failed: How many recordings have a problem so far.
        as_fhir: Whether each answer is an entry of a FHIR bundle.
    """

    runtime: Runtime
    metrics: Metrics
    batch: Batch
    deadline: Deadline
    seconds_each: float
    request_id: str
    turn: str
    failed: int = 0
    as_fhir: bool = False

    async def answer(self, index: int) -> ItemAnswer:
        """The answer for one recording, once it is its turn among those of all batches."""
        # Its own deadline: one that is over is not to end the others.
        deadline = Deadline(self.deadline.remaining_s)
        work = partial(self._scored, index)
        needed_bytes = BYTES_A_BYTE * self.batch.recordings[index].size_bytes
        try:
            found, body = await self.runtime.workers.run_patiently(
                work, deadline, self.turn, needed_bytes
            )
        except Exception as error:
            return self._refusal(index, error)
        self.metrics.diagnosed(
            found.durations_s,
            (warning.code for warning in found.warnings),
            (finding.familiarity for finding in found.findings),
        )
        self.metrics.answers.scored(found.statistics)
        self.metrics.batch_recording(200)
        return ItemAnswer(index, body, failed=False)

    def _scored(self, index: int, its_turn: Checkpoint) -> tuple[Diagnosis, bytes]:
        """Runs in a worker."""
        computing = Deadline(self.seconds_each)

        def checkpoint() -> None:
            its_turn()
            computing.check()

        checkpoint()

        found = self.batch.diagnose(self.runtime.engine, index, checkpoint)
        answer = presenters.diagnosis(found, self.runtime.bundle, self.request_id)
        if self.as_fhir:
            codings = [fhir.naming_codings(each) for each in found.findings]
            return found, fhir.entry(fhir.bundle(answer, codings)).to_json().encode()
        item = wire.BatchItem(index=index, name=self._name(index), status=200, diagnosis=answer)
        return found, item.model_dump_json(exclude={"problem"}).encode()

    def _refusal(self, index: int, error: Exception) -> ItemAnswer:
        problem = problem_of(error, self.request_id)
        if problem.status == INTERNAL_ERROR.status:
            _log.error("failed", exc_info=error, extra={"request_id": self.request_id})
        self.failed += 1
        self.metrics.error(problem_slug(problem))
        self.metrics.answers.refused(error)
        self.metrics.batch_recording(problem.status)
        if self.as_fhir:
            entry = fhir.entry(fhir.outcome(problem))
            return ItemAnswer(index, entry.to_json().encode(), failed=True)
        item = wire.BatchItem(
            index=index, name=self._name(index), status=problem.status, problem=problem
        )
        return ItemAnswer(index, item.model_dump_json(exclude_none=True).encode(), failed=True)

    def _name(self, index: int) -> str:
        return self.batch.recordings[index].name[:MAX_NAME_CHARACTERS]
