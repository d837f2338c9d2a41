"""The whole road: plan, rewrite, prove and – unless only a diff is wanted – apply.

In: an analysis. Out: for every file what was done and proved, and for every legacy logger that stays the reason.
A group that fails a proof is withdrawn whole; the run goes on with the others.
"""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Callable, Iterable

from logshift._record import NamedTuple
from logshift.engine import Analysis, FileResult
from logshift.frameworks import Framework
from logshift.model import FileFacts, Reason, Unanalysed
from logshift.plan import plan_file
from logshift.plan.edits import AddAlias, FilePlan, Insert, Kept
from logshift.prove import PROOFS, Failed, prove
from logshift.resolve import Group, groups
from logshift.rewrite import CannotRewriteError, Patch, rewrite
from logshift.scan import read
from logshift.source import Source


class Outcome(NamedTuple):
    """What became of one file."""

    path: str
    plan: FilePlan
    before: bytes
    after: bytes | None  # None where nothing changes
    failed: Failed | None
    proofs: int  # how many were passed
    patches: tuple[Patch, ...] = ()  # what makes the bytes after out of those before, in order of place

    @property
    def kept(self) -> tuple[Kept, ...]:
        """The legacy loggers that stay: those the plan leaves, and all of a file that failed a proof."""
        if self.failed is None:
            return self.plan.kept
        reason = Reason.IMPORT_CYCLE if self.failed.proof == PROOFS[-1] else Reason.PROOF_FAILED
        detail = f"{self.failed.proof}: {self.failed.detail}"
        return (*self.plan.kept, *(Kept(moved.binding, reason, detail) for moved in self.plan.moved))


class Migration(NamedTuple):
    """What a migration does, before or after it is written."""

    analysis: Analysis
    outcomes: tuple[Outcome, ...]

    @property
    def changed(self) -> tuple[Outcome, ...]:
        """The files that change."""
        return tuple(outcome for outcome in self.outcomes if outcome.after is not None)

    @property
    def moved(self) -> int:
        """How many loggers move."""
        return sum(len(outcome.plan.moved) for outcome in self.changed)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of the whole: events that were printed so far and may be seen no more."""
        frameworks = self.analysis.names.frameworks
        facts = {file.facts.path: file.facts for file in self.analysis.files}
        moved = Counter(
            facts[outcome.path].bindings[one.binding].framework
            for outcome in self.changed
            for one in outcome.plan.moved
        )
        return tuple(
            _not_set_up(frameworks[key], number)
            for key, number in moved.items()
            if frameworks[key].set_up_by and not self.analysis.project.may_set_up(frameworks[key])
        )

    @property
    def proofs(self) -> int:
        """How many proofs were passed."""
        return sum(outcome.proofs for outcome in self.outcomes)


def migrate(
    analysis: Analysis,
    *,
    unsafe_fixes: bool = False,
    progress: Callable[[tuple[Group, ...]], Iterable[Group]] = iter,
) -> Migration:
    """Return what the migration of all files would be; nothing is written.

    With `unsafe_fixes` the loggers move too whose move may change what others see of them.
    """
    legacy = [file for file in analysis.files if _has_legacy(file, analysis)]
    by_path = {file.facts.path: file for file in legacy}
    outcomes: list[Outcome] = []
    for group in progress(groups(file.facts for file in legacy)):
        done = [_migrate_file(by_path[facts.path], analysis, unsafe_fixes=unsafe_fixes) for facts in group.files]
        if any(outcome.failed is not None for outcome in done):
            done = [outcome._replace(after=None) for outcome in done]
        outcomes += done
    return Migration(analysis, tuple(outcomes))


def _not_set_up(framework: Framework, number: int) -> str:
    loggers = f"{number} {framework.title} logger{'' if number == 1 else 's'}"
    call = framework.set_up_by[0]
    return (
        f"nothing in the project calls {call}: so far every event of {loggers} was printed; now they go to the logging "
        f"tree, which without a handler shows warnings and errors alone. Call {call}() or "
        "logging.basicConfig(level=logging.INFO) where the program starts"
    )


def _has_legacy(file: FileResult, analysis: Analysis) -> bool:
    target = analysis.target
    return not analysis.project.is_exempt(file.facts.module, target) and any(
        not binding.configuration and binding.framework != target.framework.key for binding in file.facts.bindings
    )


def _migrate_file(file: FileResult, analysis: Analysis, *, unsafe_fixes: bool) -> Outcome:
    def plan_of(facts: FileFacts, source: Source) -> FilePlan:
        frameworks = analysis.names.frameworks
        return plan_file(facts, source, analysis.project, frameworks, analysis.target, unsafe_fixes=unsafe_fixes)

    source = Source(file.facts.path, file.data)
    plan = plan_of(file.facts, source)
    if not plan.edits:
        return Outcome(plan.path, plan, file.data, None, None, 0)
    module = analysis.project.module(plan.path)
    try:
        output = rewrite(source, plan)
        failed = prove(
            source,
            module,
            plan,
            output,
            again=lambda data: _plan_again(plan.path, module, data, analysis, plan_of),
            cycle=lambda: _new_cycle(plan, file.facts, analysis),
        )
    except CannotRewriteError as error:
        failed = Failed("the edits can be carried out", str(error))
    except RecursionError:
        failed = Failed("the edits can be carried out", "the file nests too deeply")
    if failed is not None:
        passed = PROOFS.index(failed.proof) if failed.proof in PROOFS else 0
        return Outcome(plan.path, plan, file.data, None, failed, passed)
    return Outcome(plan.path, plan, file.data, output.data, None, len(PROOFS), output.patches)


def _plan_again(
    path: str, module: str, data: bytes, analysis: Analysis, plan_of: Callable[[FileFacts, Source], FilePlan]
) -> FilePlan | None:
    facts = read(path, module, data, analysis.names)
    return None if isinstance(facts, Unanalysed) else plan_of(facts, Source(path, data))


def _new_cycle(plan: FilePlan, facts: FileFacts, analysis: Analysis) -> tuple[str, ...] | None:
    target = analysis.target.module
    if target in facts.requires or not any(isinstance(edit, (Insert, AddAlias)) for edit in plan.edits):
        return None
    return analysis.project.cycle_through(facts.module, target)


def diff(outcome: Outcome, name: str) -> str:
    """Return the change of one file as a unified diff."""
    if outcome.after is None:
        return ""
    encoding = Source(outcome.path, outcome.before).encoding
    before = outcome.before.decode(encoding).splitlines(keepends=True)
    after = outcome.after.decode(encoding).splitlines(keepends=True)
    name = name.replace(os.sep, "/")
    lines = difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
