"""The Markdown files in ``cases`` are the tests: each heading is one, each says what becomes of a module."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

CASES = Path(__file__).parent / "cases"
_OTHER = re.compile(r"With `(.+?)`:\n\n```python\n(.*?)```\n", re.DOTALL)
_CODE = re.compile(r"```python\n(.*?)```\n", re.DOTALL)


class Case(NamedTuple):
    """One case: the module, the files around it, and what is to come out."""

    before: str
    others: dict[str, str]
    after: str
    kept: list[str]
    found: list[str]


def read(text: str) -> Case:
    others = dict(_OTHER.findall(text))
    code = _CODE.findall(_OTHER.sub("", text))
    kept = re.search(r"Kept: (.*?)\.\B", text)
    found = re.search(r"Found: (.*?)\.", text)
    assert ("Unchanged." in text) == (len(code) == 1), "a case says `Unchanged.` or `Becomes:`"
    return Case(
        before=code[0],
        others=others,
        after=code[-1],
        kept=kept.group(1).split(", ") if kept else [],
        found=found.group(1).split(", ") if found else [],
    )


def cases() -> list[object]:
    found = []
    for path in sorted(CASES.glob("*.md")):
        for section in re.split(r"^## ", path.read_text(), flags=re.MULTILINE)[1:]:
            title, _, text = section.partition("\n")
            found.append(pytest.param(read(text), id=f"{path.stem}: {title}"))
    return found


@pytest.mark.parametrize("case", cases())
def test_case(project, case: Case) -> None:
    project.write({"app/mod.py": case.before, **case.others})
    migration = project.migrate("app/mod.py")
    outcomes = [outcome for outcome in migration.outcomes if outcome.path == "app/mod.py"]
    after = next((outcome.after for outcome in outcomes if outcome.after is not None), None)

    assert (after or case.before.encode()).decode() == case.after
    assert [str(kept.reason) for outcome in outcomes for kept in outcome.kept] == case.kept
    others = [finding.code for finding in migration.analysis.findings if finding.binding < 0]
    assert others == case.found


@pytest.mark.parametrize("case", cases())
def test_a_second_run_changes_nothing(project, case: Case) -> None:
    project.write({"app/mod.py": case.after, **case.others})

    assert project.after().decode() == case.after
