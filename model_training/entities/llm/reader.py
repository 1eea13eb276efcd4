"""Reports to entities by a language model: many at once, each asked until it is answered."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from tqdm import tqdm

from ecg_core.conditions import Catalogue
from model_training.entities.llm.answers import GroundedFinding, ground, read_answer
from model_training.entities.llm.cache import AnswerCache, StoredAnswer, cache_key
from model_training.entities.llm.config import LlmConfig, Mode
from model_training.entities.llm.endpoint import Endpoint, request_parameters
from model_training.entities.llm.errors import (
    AnswerError,
    EndpointRefuses,
    ExtractionFailure,
    FailureKind,
)
from model_training.entities.llm.probing import fault_of_probe, find_mode
from model_training.entities.llm.prompt import load_prompt, request_digest
from model_training.entities.llm.retrying import wait_s
from model_training.entities.model import Entity
from model_training.entities.rules.extractor import MAX_CHARACTERS, EntityExtractor
from model_training.entities.rules.normalisation import Normaliser


@dataclass(frozen=True, slots=True)
class Report:
    """A report to be read; `id` is the caller's and stands in failures."""

    id: str
    text: str | None


@dataclass(frozen=True, slots=True)
class LlmReading:
    """What the model read in a report.

    Attributes:
        entities: In the order of the answer; empty if there is none.
        unmapped: Findings that are no condition of the catalogue, in the model's words.
        failure: Why there is no answer, if there is none; the report is then unread.
    """

    entities: tuple[Entity, ...] = ()
    unmapped: tuple[str, ...] = ()
    failure: ExtractionFailure | None = None


@dataclass(slots=True)
class RunCounts:
    """What a run has done so far.

    Attributes:
        asked: Reports that the endpoint answered.
        cached: Reports answered from the disk, or together with an equal one.
        empty: Reports without text; they are not asked.
        failed: Reports without an answer, by why.
        requests: Requests sent, with repetitions and those that found out the mode.
        mode: How the endpoint is told the form of the answer; None before the first request.
        ungrounded: Findings dropped because their evidence does not stand in the report.
        prompt_tokens: In this run, of unusable answers too, as the endpoint counts them.
        answer_tokens: The same.
    """

    asked: int = 0
    cached: int = 0
    empty: int = 0
    failed: Counter[FailureKind] = field(default_factory=Counter)
    requests: int = 0
    mode: Mode | None = None
    ungrounded: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0


class LlmReader:
    """Reads reports in chunks; a context manager.

    An interrupted run is resumed by running it again: what was answered is in the cache.
    """

    def __init__(
        self, config: LlmConfig, cache: Path, catalogue: Catalogue, extractor: EntityExtractor
    ) -> None:
        """Checks settings and prompt, and opens the cache; nothing is asked yet.

        Args:
            config: How the endpoint is asked.
            cache: SQLite file of answers; made if it is not there.
            catalogue: The standard terms.
            extractor: Rules that help to map the model's words to them.

        Raises:
            ValueError: The prompt is not as it should be.
            FileNotFoundError: There is no such prompt file.
        """
        self.config = config
        self._prompt = load_prompt(config.prompt)
        parameters = request_parameters(config, config.structured_output)
        self.digest = request_digest(self._prompt, parameters)
        self.counts = RunCounts()
        self.failures: list[ExtractionFailure] = []
        self._normalise = Normaliser(catalogue, extractor).term
        self._endpoint = Endpoint(config)
        self._cache = AnswerCache(cache)
        self._slots = asyncio.Semaphore(config.concurrency)
        self._under_way: dict[bytes, asyncio.Task[StoredAnswer]] = {}
        self._mode_found: asyncio.Task[Mode] | None = None
        self._failures_in_a_row = 0
        self._runner = asyncio.Runner()

    def __enter__(self) -> "LlmReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._runner.run(self._endpoint.close())
        finally:
            self._runner.close()
            self._cache.close()

    @property
    def cost(self) -> float:
        """What this run has cost, by the prices of the settings."""
        return self.config.cost(self.counts.prompt_tokens, self.counts.answer_tokens)

    def read(
        self, reports: Sequence[Report], progress: "tqdm[NoReturn] | None" = None
    ) -> list[LlmReading]:
        """Read reports, at most `concurrency` at once; failures are gathered, not raised.

        Args:
            reports: A chunk; all of its readings are held in memory.
            progress: Moved on by one for each report.

        Returns:
            One reading a report, in their order.

        Raises:
            EndpointRefuses: No report can be read, or too many in a row could not.
            ValueError: The environment holds no key although one is named.
        """
        return self._runner.run(self._read_all(reports, progress))

    async def _read_all(
        self, reports: Sequence[Report], progress: "tqdm[NoReturn] | None"
    ) -> list[LlmReading]:
        async def read(report: Report) -> LlmReading:
            reading = await self._read(report)
            if progress is not None:
                progress.update()
            return reading

        try:
            async with asyncio.TaskGroup() as tasks_of_chunk:
                tasks = [tasks_of_chunk.create_task(read(report)) for report in reports]
        except ExceptionGroup as group:
            raise _first(group) from None
        return [task.result() for task in tasks]

    async def _read(self, report: Report) -> LlmReading:
        if not isinstance(report.text, str) or not report.text.strip():
            self.counts.empty += 1
            return LlmReading()
        # A lone surrogate cannot be sent; it becomes one "?", so places stay.
        text = report.text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
        try:
            stored = await self._answer(text)
        except _GivenUp as given_up:
            return await self._failed(report.id, given_up)
        grounded, dropped = ground(read_answer(stored.content), text)
        self.counts.ungrounded += dropped
        return self._standardised(grounded)

    async def _answer(self, text: str) -> StoredAnswer:
        """The answer to a report: from the disk, from an equal report under way, or asked for."""
        key = cache_key(self.config.model, self.digest, text)
        stored = self._cache.get(key)
        if stored is not None:
            self.counts.cached += 1
            return stored
        if key in self._under_way:
            answer = await asyncio.shield(self._under_way[key])
            self.counts.cached += 1
            return answer
        task = asyncio.ensure_future(self._ask_until_answered(text))
        self._under_way[key] = task
        try:
            answer = await task
        finally:
            del self._under_way[key]
        self._cache.put(key, answer)
        self.counts.asked += 1
        return answer

    async def _ask_until_answered(self, text: str) -> StoredAnswer:
        attempts = bad_answers = 0
        async with self._slots:
            mode = await self._mode()
            while True:
                attempts += 1
                try:
                    answer = await self._ask(text, mode)
                except EndpointRefuses as error:
                    raise await self._stopped(str(error), mode) from None
                except AnswerError as error:
                    bad_answers += error.is_bad_answer
                    wait = wait_s(self.config, error, attempts, bad_answers)
                    if wait is None:
                        raise _GivenUp(error, attempts) from error
                    await asyncio.sleep(wait)
                else:
                    self._failures_in_a_row = 0
                    return answer

    async def _mode(self) -> Mode:
        """How the endpoint is told the form of the answer; the first request finds it out."""
        if self._mode_found is None:
            self._mode_found = asyncio.ensure_future(find_mode(self._ask, self.config))
        mode = await asyncio.shield(self._mode_found)
        self.counts.mode = mode
        return mode

    async def _stopped(self, why: str, mode: Mode) -> EndpointRefuses:
        return EndpointRefuses(f"{why}; {await fault_of_probe(self._ask, mode)}")

    async def _ask(self, text: str, mode: Mode) -> StoredAnswer:
        self.counts.requests += 1
        response = await self._endpoint.ask(self._prompt.messages(text), mode)
        self.counts.prompt_tokens += response.prompt_tokens
        self.counts.answer_tokens += response.answer_tokens
        if response.error is not None:
            raise response.error
        read_answer(response.content)
        return StoredAnswer(response.content, response.prompt_tokens, response.answer_tokens)

    async def _failed(self, report_id: str, given_up: "_GivenUp") -> LlmReading:
        error = given_up.error
        failure = ExtractionFailure(report_id, error.kind, given_up.attempts, error.detail)
        self.failures.append(failure)
        self.counts.failed[error.kind] += 1
        # A model that answers, if not as asked, is not a fault that all reports share.
        shared = error.is_transient or error.kind is FailureKind.REJECTED
        self._failures_in_a_row = self._failures_in_a_row + 1 if shared else 0
        if self._failures_in_a_row >= self.config.max_failures_in_a_row:
            in_a_row, self._failures_in_a_row = self._failures_in_a_row, 0
            why = f"{in_a_row} reports in a row, the last: {error}"
            raise await self._stopped(why, await self._mode())
        return LlmReading(failure=failure)

    def _standardised(self, findings: Sequence[GroundedFinding]) -> LlmReading:
        entities: dict[Entity, None] = {}
        unmapped = []
        for finding in findings:
            terms = self._normalise(finding.finding)
            if not terms:
                unmapped.append(finding.finding)
            for term in terms:
                source = f"llm:{term.by}"
                place = (finding.start, finding.end)
                entities[Entity(term.condition_id, finding.assertion, *place, source)] = None
        return LlmReading(tuple(entities), tuple(unmapped))


def _first(group: ExceptionGroup[Exception]) -> Exception:
    error: Exception = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


class _GivenUp(Exception):
    """A report was asked for as often as it may be."""

    def __init__(self, error: AnswerError, attempts: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.attempts = attempts
