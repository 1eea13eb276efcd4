"""The parts of the language model's reader: settings, prompt, answers, cache, standard terms."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from ecg_core.conditions import Catalogue
from model_training.entities.llm import LlmConfig
from model_training.entities.llm.answers import Answer, answer_schema, ground, read_answer
from model_training.entities.llm.cache import AnswerCache, StoredAnswer, cache_key
from model_training.entities.llm.errors import AnswerError
from model_training.entities.llm.prompt import load_prompt, request_digest
from model_training.entities.rules.extractor import shipped_extractor
from model_training.entities.rules.normalisation import Normaliser

LOCAL = "http://127.0.0.1:8001/v1"


class TestConfig:
    @pytest.mark.parametrize(
        ("settings", "why"),
        [
            ({"base_url": "ftp://x/v1"}, "http"),
            ({"base_url": "localhost:8000"}, "http"),
            ({"base_url": "https://user:pass@x/v1"}, "no user"),
            ({"base_url": "http://llm.example/v1", "api_key_env": "KEY"}, "https"),
            ({"extra": {"stream": True, "n": 2}}, "n, stream"),
            ({"concurrency": 0}, "greater"),
            ({"api_key": "sk-123"}, "Extra inputs"),
            ({"api_key_env": "sk-123"}, "pattern"),
        ],
    )
    def test_settings_that_cannot_be_meant_are_refused(
        self, settings: dict[str, Any], why: str
    ) -> None:
        with pytest.raises(ValidationError, match=why):
            LlmConfig(**({"base_url": LOCAL, "model": "m"} | settings))

    @pytest.mark.parametrize("url", ["http://localhost:1/v1", "http://[::1]:1/v1/", LOCAL])
    def test_a_key_may_go_to_this_machine_without_encryption(self, url: str) -> None:
        assert LlmConfig(base_url=url, model="m", api_key_env="KEY").base_url == url.rstrip("/")

    def test_a_key_that_is_not_there_is_told_by_the_variables_name(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("ECG_TEST_KEY", raising=False)
        with pytest.raises(ValueError, match="ECG_TEST_KEY holds no key"):
            LlmConfig(base_url=LOCAL, model="m", api_key_env="ECG_TEST_KEY").read_api_key()

    def test_without_a_variable_there_is_no_key(self) -> None:
        assert LlmConfig(base_url=LOCAL, model="m").read_api_key() is None


class TestPrompt:
    def test_the_shipped_examples_are_answers_by_the_schema(self) -> None:
        messages = load_prompt().messages("a report")
        answers = [m["content"] for m in messages if m["role"] == "assistant"]
        assert len(answers) >= 3
        for content in answers:
            jsonschema.validate(json.loads(content), answer_schema())
            read_answer(content)

    def test_the_shipped_examples_name_conditions_of_the_catalogue(self) -> None:
        normalise = Normaliser(Catalogue.load(), shipped_extractor()).term
        for example in load_prompt().example:
            for finding in example.findings:
                assert normalise(finding.finding), finding.finding

    def test_an_example_with_made_up_evidence_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "prompt.toml"
        path.write_text(
            'instructions = "Read."\n[[example]]\nreport = "sinus rhythm"\n'
            'findings = [{finding = "x", assertion = "present", evidence = "flutter"}]\n'
        )
        with pytest.raises(ValueError, match="example 1"):
            load_prompt(path)

    def test_the_digest_changes_with_prompt_and_parameters(self) -> None:
        prompt = load_prompt()
        digests = {
            request_digest(prompt, {"model": "a"}),
            request_digest(prompt, {"model": "b"}),
            request_digest(prompt.model_copy(update={"instructions": "x"}), {"model": "a"}),
            request_digest(prompt.model_copy(update={"example": ()}), {"model": "a"}),
        }
        assert len(digests) == 4


class TestAnswers:
    def answer(self, *evidence: str) -> Answer:
        findings = [{"finding": "f", "assertion": "present", "evidence": e} for e in evidence]
        return Answer.model_validate({"findings": findings})

    @pytest.mark.parametrize(
        ("evidence", "report", "found"),
        [
            ("sinus rhythm", "Sinus   Rhythm, normal", "Sinus   Rhythm"),
            ("Überleitung", "u\u0308berleitung gestört", "u\u0308berleitung"),
            ("qrs(t) abnorm", "lage qrs(t) abnorm", "qrs(t) abnorm"),
            ("st-senkung", "st-senkung.", "st-senkung"),
            ("sinus", "sinusrhythmus", None),
            ("flutter", "atrial fibrillation", None),
            ("...", "a ... b", None),
            (".*", "anything", None),
        ],
    )
    def test_evidence_stands_in_the_report_or_does_not_count(
        self, evidence: str, report: str, found: str | None
    ) -> None:
        grounded, dropped = ground(self.answer(evidence), report)
        assert [report[g.start : g.end] for g in grounded] == ([found] if found else [])
        assert dropped == (found is None)

    def test_an_error_holds_nothing_of_the_answer(self) -> None:
        with pytest.raises(AnswerError) as caught:
            read_answer('{"findings": [{"Frau Geheim": 1}]}')
        assert "Geheim" not in str(caught.value) + repr(caught.value.__cause__)

    def test_the_schema_and_the_model_agree_on_the_fields(self) -> None:
        finding = answer_schema()["properties"]["findings"]["items"]
        model = Answer.model_json_schema()["$defs"]["Finding"]
        assert finding["required"] == model["required"]
        assert (
            finding["properties"]["assertion"]["enum"]
            == (Answer.model_json_schema()["$defs"]["Status"]["enum"])
        )


class TestCache:
    STORED = StoredAnswer('{"findings": []}', 10, 2)

    def test_an_answer_is_there_for_other_connections_at_once(self, tmp_path: Path) -> None:
        with AnswerCache(tmp_path / "a/c") as one, AnswerCache(tmp_path / "a/c") as other:
            one.put(b"k", self.STORED)
            assert other.get(b"k") == self.STORED
            assert other.get(b"l") is None
            assert len(other) == 1

    def test_another_file_is_refused_and_left_as_it_is(self, tmp_path: Path) -> None:
        path = tmp_path / "notes.txt"
        path.write_text("no database, but long enough to be looked at" * 50)
        with pytest.raises(sqlite3.DatabaseError):
            AnswerCache(path)
        assert path.read_text().startswith("no database")

    def test_keys_differ_with_each_part(self) -> None:
        keys = [("m", "d", "r"), ("n", "d", "r"), ("m", "e", "r"), ("m", "d", "s"), ("md", "", "r")]
        assert len({cache_key(*key) for key in keys}) == len(keys)


@pytest.fixture(scope="module")
def normaliser() -> Normaliser:
    return Normaliser(Catalogue.load(), shipped_extractor())


class TestNormaliser:
    @pytest.mark.parametrize(
        ("wording", "condition_id"),
        [
            ("LBBB", "complete-left-bundle-branch-block"),
            ("left bundle-branch block", "complete-left-bundle-branch-block"),
            ("Linksschenkelblock", "complete-left-bundle-branch-block"),
            ("possible old inferior infarct", "inferior-myocardial-infarction"),
            ("inferior infarction, age undetermined", "inferior-myocardial-infarction"),
            ("ST depression in leads V4, V5", "st-depression"),
            ("marked sinus bradycardia", "sinus-bradycardia"),
            ("AV block, first degree", "first-degree-av-block"),
        ],
    )
    def test_synonyms_spellings_and_qualifiers_fall_together(
        self, normaliser: Normaliser, wording: str, condition_id: str
    ) -> None:
        assert {term.condition_id for term in normaliser.term(wording)} == {condition_id}

    @pytest.mark.parametrize(
        "wording",
        ["lunar eclipse", "", "thrombus in left ventricular aneurysm", "no atrial fibrillation",
         "history of atrial fibrillation", "lead reversal of the atrium", "x" * 999],
    )  # fmt: skip
    def test_what_is_not_surely_a_condition_is_none(
        self, normaliser: Normaliser, wording: str
    ) -> None:
        assert normaliser.term(wording) == ()

    def test_an_ambiguous_term_is_none(self, normaliser: Normaliser) -> None:
        assert Catalogue.load().ambiguous("LAE")
        assert normaliser.term("LAE") == ()
