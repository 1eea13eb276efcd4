"""A diagnosis without a server: the engine, called inside this process."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from api_schemas import Diagnosis
from cardioquery.cli.exits import ExitCode, fail
from cardioquery.cli.starting import check_runtime, open_bundle, read_settings, refusals_to_start
from cardioquery.client import calls
from cardioquery.client.errors import problem_error
from ecg_core.errors import EcgError

# What computes here is imported where it is used: the rest of the command works without it.
if TYPE_CHECKING:
    from service.api.intake.forms import DiagnosisForm
    from service.engine.diagnosis import Diagnosis as Found
    from service.engine.diagnosis import DiagnosisEngine
    from service.engine.loading import OpenedModel
    from service.settings import Settings
    from service.storage.base import ConditionStore


def diagnose_locally(call: calls.Call[Diagnosis]) -> Diagnosis:
    """Load the engine, ask it what the client would ask the service, and let go of it.

    Raises:
        CardioQueryError: The recording, a query or another field is refused.
    """
    _, answer, _ = _diagnosed(call.body)
    return answer


def diagnose_locally_as_fhir(call: calls.Call[dict[str, JsonValue]]) -> dict[str, JsonValue]:
    """The same as a FHIR bundle.

    Raises:
        CardioQueryError: As above.
    """
    found, answer, form = _diagnosed(call.body)
    from service.api.answers import fhir

    codings = [fhir.naming_codings(each) for each in found.findings]
    bundle = fhir.bundle(answer, codings, form.fhir)
    document: dict[str, JsonValue] = json.loads(bundle.to_json())
    return document


def _diagnosed(body: Mapping[str, Any]) -> "tuple[Found, Diagnosis, DiagnosisForm]":
    # What the engine would log is told by the command itself.
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    settings = read_settings()
    check_runtime()
    bundle = open_bundle(settings)
    from service.api.answers.presenters import diagnosis
    from service.api.problems import domain_problem
    from service.engine.loading import open_model
    from service.observability.request_ids import new_request_id
    from service.runtime.engine_options import engine_options

    form, request_id = _form(body), new_request_id()
    with refusals_to_start():
        model = open_model(bundle, engine_options(settings))
    with _engine(model, settings) as engine:
        try:
            found = engine.diagnose(form.files, form.question, faults=form.faults)
        except EcgError as error:
            raise problem_error(domain_problem(error, request_id)) from None
    return found, diagnosis(found, bundle, request_id), form


def _form(body: Mapping[str, Any]) -> "DiagnosisForm":
    """The form that the service would read of the upload that the client would send."""
    from service.api.intake.forms import Part, diagnosis_form

    parts = [Part(field, name, content) for field, (name, content, _) in body["files"]]
    for field, value in body["data"].items():
        texts = value if isinstance(value, list) else [value]
        parts += [Part(field, None, text.encode()) for text in texts]
    return diagnosis_form(parts)


@contextmanager
def _engine(model: "OpenedModel", settings: "Settings") -> "Iterator[DiagnosisEngine]":
    """The engine, which knows what was registered as well."""
    from service.storage.conditions.opening import open_registry

    embeddings = model.query_embeddings()
    with refusals_to_start():
        store = _open_store(settings)
    try:
        with refusals_to_start():
            most = settings.max_registered_conditions
            registry = open_registry(model, store, embeddings, most)
        yield model.engine(registry, embeddings)
    finally:
        store.close()


def _open_store(settings: "Settings") -> "ConditionStore":
    if settings.redis is None:
        from service.storage.sqlite import SqliteStore

        return SqliteStore(settings.store_path)
    from service.observability.metrics import Metrics
    from service.storage.redis.start import RedisUnusable, open_redis
    from service.storage.redis_conditions import RedisStore

    try:
        link = open_redis(settings.redis, Metrics())
    except RedisUnusable as error:
        raise fail(str(error), ExitCode.CANNOT_START) from None
    return RedisStore(link, settings.redis_key_prefix)
