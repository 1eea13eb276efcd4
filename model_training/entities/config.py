"""The settings of one extraction: a YAML file, checked whole."""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from model_training.entities.labels.matrix import DEFAULT_PRIORITY
from model_training.entities.labels.merging import Source
from model_training.entities.labels.scp import Absence
from model_training.entities.llm.config import LlmConfig


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReportsConfig(_Part):
    """Where the reports are.

    Attributes:
        files: CSV files, relative to the data folder; read one after the other.
        id: Column with the recording's id; unique over all files.
        text: Columns with text, joined in this order. One that ends with `*` stands for all
            columns that start so and go on with a number, in the order of the numbers.
        joiner: Stands between the texts of two columns.
    """

    files: Annotated[tuple[Path, ...], Field(min_length=1)]
    id: Annotated[str, Field(min_length=1)]
    text: Annotated[tuple[str, ...], Field(min_length=1)]
    joiner: str = ". "


class ScpConfig(_Part):
    """SCP codes beside the reports.

    Attributes:
        column: Column with a dictionary of codes, as in `ptbxl_database.csv`.
        statements: The release's `scp_statements.csv`, relative to the data folder.
        absence: What a code that a recording lacks says of it; see `ScpCodes`.
    """

    column: Annotated[str, Field(min_length=1)]
    statements: Path
    absence: Absence = "no"


class AuditConfig(_Part):
    """The audit.

    Attributes:
        most_unmapped: How many phrases without a condition are listed.
        min_reports: Phrases of fewer reports are not listed: a rare one may be a name.
    """

    most_unmapped: Annotated[int, Field(ge=0)] = 300
    min_reports: Annotated[int, Field(ge=1)] = 5


class EntitiesConfig(_Part):
    """Everything that shapes an extraction.

    Attributes:
        name: Of the set of recordings.
        reports: Where the reports are.
        rules: Whether rules read them.
        llm: How a language model reads them, if one does.
        scp: The codes beside them, if there are any.
        priority: Of two sources that say the opposite, the one named first is heard.
        uncertain_is_yes: Whether "cannot be ruled out" is a yes instead of doubt.
        min_count: Conditions that fewer recordings have are dropped.
        chunk: Reports held in memory at a time.
        audit: What the audit lists.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    reports: ReportsConfig
    rules: bool = True
    llm: LlmConfig | None = None
    scp: ScpConfig | None = None
    priority: tuple[Source, ...] = DEFAULT_PRIORITY
    uncertain_is_yes: bool = False
    min_count: Annotated[int, Field(ge=0)] = 10
    chunk: Annotated[int, Field(ge=1, le=100_000)] = 2000
    audit: AuditConfig = AuditConfig()

    @property
    def used(self) -> tuple[Source, ...]:
        """The sources that are read, in the order of their priority."""
        given = {Source.SCP: self.scp, Source.LLM: self.llm, Source.RULES: self.rules or None}
        return tuple(source for source in self.priority if given[source] is not None)

    @model_validator(mode="after")
    def _has_sources(self) -> "EntitiesConfig":
        if sorted(self.priority) != sorted(Source):
            raise ValueError("priority must name scp, llm and rules, each once")
        if not self.used:
            raise ValueError("none of rules, llm and scp is to be read")
        return self


def load_entities_config(path: Path) -> EntitiesConfig:
    """Read and check a YAML file.

    Raises:
        FileNotFoundError: It is not there.
        pydantic.ValidationError: It is not valid; every fault is listed.
    """
    return EntitiesConfig.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
