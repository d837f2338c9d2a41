"""The JSON report: a documented, versioned schema.

https://json-schema.org/draft/2020-12/schema

Version 1 only grows: a field is never removed or given another meaning under the same version.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from logshift import __version__
from logshift.engine import Analysis, FileResult, shown
from logshift.migrate import Migration, Outcome
from logshift.model import Applicability, Binding, Finding, Reason
from logshift.report.summary import configuring, count, kind_of
from logshift.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logshift.gate import Count
    from logshift.trial import Event, Trial

SCHEMA_VERSION: Literal[1] = 1


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ToolModel(_Model):
    """Which tool wrote the report."""

    name: Literal["logshift"]
    version: str


class FindingModel(_Model):
    """One thing that a rule has to say."""

    code: str = Field(description="The rule's code, such as LS101.")
    name: str = Field(description="The rule's name, such as stdlib-logger.")
    message: str
    path: str = Field(description="The file, relative to the working directory where it lies below it, with `/`.")
    line: int = Field(description="From 1.", ge=1)
    column: int = Field(description="From 1, in code points.", ge=1)
    end_line: int = Field(ge=1)
    end_column: int = Field(ge=1)
    applicability: Applicability = Field(description="What `migrate` can do about it.")
    reason: Reason | None = Field(description="Why it is left to a person, where it is.")
    fingerprint: str = Field(description="Stays the same when lines move, text is reformatted or the file renamed.")


class SuppressedModel(FindingModel):
    """A finding that a comment suppresses."""

    comment_line: int = Field(description="Where the comment stands.", ge=1)
    comment: str = Field(description="What it says, without its reason: `ignore[LS101] until=2027-01-31`.")
    until: str | None = Field(description="The last day on which it holds, as YYYY-MM-DD.")
    why: str | None = Field(description="The reason that the comment gives.")


class BindingModel(_Model):
    """One place that makes a logger."""

    line: int = Field(ge=1)
    column: int = Field(ge=1)
    kind: str = Field(description="What kind of logger it is: a legacy kind, `compliant` or `configuration`.")
    logger_name: str | None = Field(description="The name it is given now, as a value or as source text.")
    component: str = Field(description="The component it has, or will have after migration.")
    applicability: Applicability | None = Field(description="What `migrate` can do about it, if it is legacy.")
    reason: Reason | None


class FileModel(_Model):
    """The loggers of one file."""

    path: str
    component: str
    bindings: list[BindingModel]


class NotAnalysedModel(_Model):
    """A file that could not be read, or not as Python; or a folder that could not be listed."""

    path: str
    line: int = Field(ge=1)
    column: int = Field(ge=1)
    message: str


class TotalsModel(_Model):
    """The figures of the whole run."""

    bindings: int = Field(description="Legacy and compliant loggers; what only configures logging is not counted.")
    legacy_bindings: int = Field(description="The primary figure: loggers that are to move.")
    compliant_bindings: int
    compliance: float = Field(description="100 × compliant_bindings / bindings, in percent; 100 where there are none.")
    configuration_bindings: int
    findings: int = Field(description="Those that count: what is known, suppressed or elsewhere is counted apart.")
    known: int = Field(description="Findings in the baseline.")
    suppressed: int = Field(description="Findings that comments suppress.")
    outside_branch: int = Field(description="Findings on lines that the branch does not add, with --diff-base.")
    files_checked: int = Field(description="Files that were analysed; those that were not are counted apart.")
    files_not_analysed: int
    excluded_by_pattern: int = Field(description="Files and folders that `exclude` leaves out; a folder is one.")
    excluded_by_git: int = Field(description="Files and folders that git ignores; a folder is one.")
    generated: int = Field(description="Files that speak of loggers and were left out because a program wrote them.")


class EntryModel(_Model):
    """A finding as the baseline has it."""

    path: str = Field(description="From the project's root, with `/`.")
    code: str
    fingerprint: str
    message: str


class BaselineModel(_Model):
    """What came of the baseline."""

    file: str
    entries: int
    gone: list[EntryModel] = Field(description="Entries that nothing is found of any more.")


class RatchetCountModel(_Model):
    """How many findings of a rule a component has, and may have."""

    code: str
    component: str
    findings: int
    allowed: int


class RatchetModel(_Model):
    """What came of the ratchet."""

    file: str
    grown: list[RatchetCountModel] = Field(description="Where there is more than allowed.")
    fallen: list[RatchetCountModel] = Field(description="Where there is less, if whole folders were looked at.")


class BranchModel(_Model):
    """What `--diff-base` was asked for."""

    revision: str
    base: str = Field(description="The commit where the branch began.")


class GateModel(_Model):
    """What was asked for beside findings: a baseline, a ratchet, a share, what a branch adds."""

    passed: bool = Field(description="Whether the exit status is 0, if all files could be analysed.")
    findings_fail: bool = Field(description="Whether a finding is enough to fail; not where a figure decides.")
    missed: list[str] = Field(description="The figures that do not hold, in words.")
    fail_under: float | None
    baseline: BaselineModel | None
    ratchet: RatchetModel | None
    branch: BranchModel | None


class KeptModel(_Model):
    """A legacy logger that a migration leaves."""

    line: int
    column: int
    reason: Reason
    detail: str


class MigratedFileModel(_Model):
    """What a migration does with one file."""

    path: str
    component: str
    changed: bool
    moved: int = Field(description="How many loggers move.")
    proofs: int = Field(description="How many proofs its output passed.")
    failed_proof: str | None
    kept: list[KeptModel]
    notes: list[str]


class MigrationModel(_Model):
    """What a migration did, or with --diff would do."""

    run: str | None = Field(description="The run to name to `logshift rollback`; none if nothing was written.")
    files: list[MigratedFileModel]
    files_changed: int
    moved: int
    proofs: int
    notes: list[str] = Field(description="What a person should know of the migration as a whole.")


class EventModel(_Model):
    """One event that was reported while tests ran."""

    level: int = Field(description="As in the standard library: 20 is INFO.")
    logger: str | None = Field(description="None where a logger has no name.")
    message: str
    fields: dict[str, str] = Field(description="Values as source text.")
    exception: str | None = Field(description="The name of its type.")
    path: str
    line: int
    function: str


class DifferenceModel(_Model):
    """Events of one place that are reported otherwise after the migration."""

    kind: Literal["changed", "missing", "new"]
    what: list[str] = Field(description="Which parts differ, where they changed.")
    place_before: str | None = Field(description="`path:line`; none for new events.")
    place_after: str
    tests: list[str | None] = Field(description="During which tests; none stands for outside of tests.")
    events: int
    before: EventModel | None = Field(description="The first such event.")
    after: EventModel | None


class LostTestModel(_Model):
    """A test that passed before the migration and does not pass after it."""

    name: str
    why: str


class TrialModel(_Model):
    """What `prove` has seen: a test command before and after the migration, in a scratch copy."""

    command: list[str]
    verdict: Literal["same", "different", "hindered"] = Field(description="Hindered: nothing could be compared.")
    hindered: str | None = Field(description="Why nothing could be compared.")
    output: str = Field(description="The end of what the command said, where it failed.")
    runs_before: int
    runs_after: int
    seconds: float
    tests_passed: int = Field(description="Tests that pass in every run before.")
    tests_failed: list[str] = Field(description="Tests that pass in no run before.")
    tests_unstable: list[str] = Field(description="Tests that pass in some runs only; they are not compared.")
    tests_lost: list[LostTestModel]
    events_compared: bool
    events: int = Field(description="Of the first run before.")
    differences: list[DifferenceModel]
    unstable_places: list[str] = Field(description="Places, before, whose number of events varies anyway.")
    silent_places: list[str] = Field(
        description="Places, before, of which nothing is shown: structlog's default alone printed their events."
    )
    exit_status_before: int | None = Field(description="Where it differs and no test tells why; none else.")
    exit_status_after: int | None
    files_changed: list[str]
    files_imported: list[str] = Field(description="Those of the changed files that the command imports.")
    notes: list[str]
    kept: str | None = Field(description="Where the scratch copy is, with --keep.")


class Report(_Model):
    """What `--output-format json` prints. Of `migrate` and `prove`, all but these two says how it was before."""

    schema_version: Literal[1]
    tool: ToolModel
    command: Literal["check", "migrate", "prove"]
    totals: TotalsModel
    findings: list[FindingModel] = Field(description="Those that count, in order of file and place.")
    known: list[FindingModel] = Field(description="Those in the baseline.")
    suppressed: list[SuppressedModel] = Field(description="Those that comments suppress.")
    files: list[FileModel] = Field(description="The files that make loggers.")
    not_analysed: list[NotAnalysedModel]
    gate: GateModel | None = Field(description="Of `check`, where something was asked for beside findings.")
    migration: MigrationModel | None = Field(description="Of `migrate` and `prove`; `prove` writes none of it.")
    trial: TrialModel | None = Field(description="Of `prove` alone.")


def report(
    analysis: Analysis,
    migration: Migration | None = None,
    run: str | None = None,
    *,
    trial: Trial | None = None,
    command: Literal["check", "migrate", "prove"] | None = None,
) -> Report:
    """Return the report on an analysis and, where there were, on the migration and the trial that followed it."""
    return Report(
        schema_version=SCHEMA_VERSION,
        tool=ToolModel(name="logshift", version=__version__),
        command=command or ("check" if migration is None else "migrate"),
        totals=_totals(analysis),
        findings=[FindingModel(**_finding(one)) for one in analysis.findings],
        known=[FindingModel(**_finding(one)) for one in analysis.known],
        suppressed=[one for file in analysis.files if file.suppressed for one in _suppressed(file)],
        files=[_file(file, analysis) for file in analysis.files if file.facts.bindings],
        not_analysed=[
            NotAnalysedModel(path=shown(one.path), line=one.line, column=one.column, message=one.message)
            for one in analysis.unanalysed
        ],
        gate=_gate(analysis) if analysis.gate is not None else None,
        migration=_migration(migration, run) if migration is not None else None,
        trial=_trial(trial) if trial is not None else None,
    )


def render(
    analysis: Analysis,
    migration: Migration | None = None,
    run: str | None = None,
    *,
    trial: Trial | None = None,
    command: Literal["check", "migrate", "prove"] | None = None,
) -> str:
    """Return the report as text: ASCII alone, so that it is JSON in whatever encoding it is written."""
    told = report(analysis, migration, run, trial=trial, command=command)
    return json.dumps(told.model_dump(mode="json"), indent=2) + "\n"


def schema() -> str:
    """Return the JSON Schema of the report, as text."""
    described = Report.model_json_schema(mode="serialization")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **described}, indent=2) + "\n"


def _finding(one: Finding) -> dict[str, Any]:
    return {
        "code": one.code,
        "name": one.name,
        "message": one.message,
        "path": shown(one.path),
        "line": one.start.line,
        "column": one.start.column,
        "end_line": one.end.line,
        "end_column": one.end.column,
        "applicability": one.applicability,
        "reason": one.reason,
        "fingerprint": one.fingerprint,
    }


def _suppressed(file: FileResult) -> list[SuppressedModel]:
    source = Source(file.facts.path, file.data)
    return [
        SuppressedModel(
            **_finding(one.finding),
            comment_line=source.position(one.comment.span.start).line,
            comment=one.comment.text,
            until=one.comment.until or None,
            why=one.comment.reason or None,
        )
        for one in file.suppressed
    ]


def _gate(analysis: Analysis) -> GateModel:
    gate = analysis.gate
    assert gate is not None
    return GateModel(
        passed=not analysis.fails,
        findings_fail=gate.findings_fail,
        missed=list(gate.missed),
        fail_under=gate.fail_under,
        baseline=None
        if gate.baseline is None
        else BaselineModel(
            file=gate.baseline.file,
            entries=gate.baseline.entries,
            gone=[EntryModel(**one._asdict()) for one in gate.baseline.gone],
        ),
        ratchet=None
        if gate.ratchet is None
        else RatchetModel(
            file=gate.ratchet.file, grown=_counts(gate.ratchet.grown), fallen=_counts(gate.ratchet.fallen)
        ),
        branch=None if gate.branch is None else BranchModel(revision=gate.branch.revision, base=gate.branch.base),
    )


def _counts(counts: tuple[tuple[Count, int], ...]) -> list[RatchetCountModel]:
    return [RatchetCountModel(**one._asdict(), allowed=allowed) for one, allowed in counts]


def _totals(analysis: Analysis) -> TotalsModel:
    total = count(analysis)
    return TotalsModel(
        bindings=total.bindings,
        legacy_bindings=total.legacy,
        compliant_bindings=total.compliant,
        compliance=round(total.percentage, 2),
        configuration_bindings=configuring(analysis),
        findings=len(analysis.findings),
        known=len(analysis.known),
        suppressed=len(analysis.suppressed),
        outside_branch=analysis.outside,
        files_checked=analysis.checked,
        files_not_analysed=len(analysis.unanalysed),
        excluded_by_pattern=analysis.excluded.by_pattern,
        excluded_by_git=analysis.excluded.by_git,
        generated=analysis.excluded.generated,
    )


def _file(file: FileResult, analysis: Analysis) -> FileModel:
    component = analysis.project.component(file.facts.path)
    source = Source(file.facts.path, file.data)
    found = {finding.binding: finding for finding in file.everything if finding.binding >= 0}
    bindings = []
    for index, binding in enumerate(file.facts.bindings):
        place = source.position(binding.call.start)
        finding = found.get(index)
        kind = kind_of(binding, analysis) or ("configuration" if binding.configuration else "compliant")
        bindings.append(
            BindingModel(
                line=place.line,
                column=place.column,
                kind=kind,
                logger_name=_name(binding),
                component=(binding.name.text or component) if kind == "compliant" else component,
                applicability=finding.applicability if finding is not None else None,
                reason=finding.reason if finding is not None else None,
            )
        )
    return FileModel(path=shown(file.facts.path), component=component, bindings=bindings)


def _name(binding: Binding) -> str | None:
    return {"none": None, "module": "__name__"}.get(str(binding.name.kind), binding.name.text)


def _migration(migration: Migration, run: str | None) -> MigrationModel:
    return MigrationModel(
        run=run,
        files=[_outcome(outcome, migration) for outcome in migration.outcomes],
        files_changed=len(migration.changed),
        moved=migration.moved,
        proofs=migration.proofs,
        notes=list(migration.notes),
    )


def _outcome(outcome: Outcome, migration: Migration) -> MigratedFileModel:
    source = Source(outcome.path, outcome.before)
    facts = next(file.facts for file in migration.analysis.files if file.facts.path == outcome.path)
    kept = []
    for one in outcome.kept:
        place = source.position(facts.bindings[one.binding].call.start)
        kept.append(KeptModel(line=place.line, column=place.column, reason=one.reason, detail=one.detail))
    return MigratedFileModel(
        path=shown(outcome.path),
        component=outcome.plan.component,
        changed=outcome.after is not None,
        moved=len(outcome.plan.moved) if outcome.after is not None else 0,
        proofs=outcome.proofs,
        failed_proof=outcome.failed.proof if outcome.failed is not None else None,
        kept=kept,
        notes=list(outcome.plan.notes),
    )


def _trial(trial: Trial) -> TrialModel:
    found = trial.comparison
    status = found.status if found is not None else None
    return TrialModel(
        command=list(trial.command),
        verdict="hindered" if found is None else "same" if found.is_same else "different",
        hindered=trial.hindered,
        output=trial.tail,
        runs_before=trial.before,
        runs_after=trial.after,
        seconds=trial.seconds,
        tests_passed=found.passed if found is not None else 0,
        tests_failed=list(found.failed) if found is not None else [],
        tests_unstable=list(found.unstable) if found is not None else [],
        tests_lost=[LostTestModel(name=one.name, why=one.why) for one in found.lost] if found is not None else [],
        events_compared=trial.events_compared,
        events=found.events if found is not None else 0,
        differences=[
            DifferenceModel(
                kind="missing" if one.after is None else "new" if one.before is None else "changed",
                what=list(one.what),
                place_before=one.place_before or None,
                place_after=one.place_after,
                tests=list(one.tests),
                events=one.number,
                before=_event(one.before),
                after=_event(one.after),
            )
            for one in (found.differences if found is not None else ())
        ],
        unstable_places=list(found.unstable_places) if found is not None else [],
        silent_places=list(found.silent_places) if found is not None else [],
        exit_status_before=status[0] if status is not None else None,
        exit_status_after=status[1] if status is not None else None,
        files_changed=list(trial.changed),
        files_imported=list(trial.loaded),
        notes=list(trial.notes),
        kept=trial.kept,
    )


def _event(event: Event | None) -> EventModel | None:
    if event is None:
        return None
    return EventModel(
        level=event.level,
        logger=event.logger,
        message=event.message,
        fields=dict(event.fields),
        exception=event.exception,
        path=event.path,
        line=event.line,
        function=event.function,
    )
