"""A rule's own examples are its tests: the bad one is found, the good one is what it becomes."""

from __future__ import annotations

import pytest

from logshift.model import Applicability, Reason
from logshift.reasons import EXPLANATIONS
from logshift.rules import Rule, all_rules

HELPER = """\
[tool.logshift]
require-suppression-reason = true

[tool.logshift.target.components]
"app/mod.py" = "{component}"

[[tool.logshift.legacy]]
factory = "helpers.SessionFlowLogger"
methods = {{ flow_info = "log_info" }}
"""


def component_of(rule: Rule) -> str:
    return rule.good.partition('UniversalFrameworkLogger("')[2].partition('"')[0] or "mod"


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_the_bad_example_is_found(project, rule: Rule) -> None:
    project.write({"app/mod.py": rule.bad}, HELPER.format(component=component_of(rule)))

    assert rule.code in {finding.code for finding in project.check("app").findings}


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_the_good_example_is_not(project, rule: Rule) -> None:
    project.write({"app/mod.py": rule.good}, HELPER.format(component=component_of(rule)))

    assert not project.check("app").findings


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.name)
def test_a_safe_fix_turns_the_bad_example_into_the_good_one(project, rule: Rule) -> None:
    project.write({"app/mod.py": rule.bad}, HELPER.format(component=component_of(rule)))
    findings = project.check("app").findings

    if all(finding.applicability is Applicability.SAFE for finding in findings):
        assert project.after().decode() == rule.good
    else:
        assert project.after().decode() == rule.bad


def test_codes_and_names_are_unique() -> None:
    rules = all_rules()

    assert len({rule.code for rule in rules}) == len({rule.name for rule in rules}) == len(rules)


def test_every_reason_is_explained() -> None:
    assert set(EXPLANATIONS) == set(Reason)
    assert all(one.means.endswith(".") and one.do.endswith(".") for one in EXPLANATIONS.values())


def test_fingerprints_survive_moved_lines_new_layout_and_a_new_file_name(project) -> None:
    before = 'import structlog\n\n\ndef f():\n    log = structlog.get_logger("x")\n    log.info("1")\n'
    after = "\n\n# more\nimport structlog as s\n\n\ndef f():\n    log = s.get_logger(\n        'x'\n    )\n    log.info(\"2\")\n"
    project.write({"app/one.py": before, "app/two.py": after})

    one, two = project.check("app").findings
    assert one.fingerprint == two.fingerprint


def test_fingerprints_tell_equal_statements_apart(project) -> None:
    text = 'import structlog\n\n\ndef f():\n    structlog.get_logger("x").info("1")\n    structlog.get_logger("x").info("2")\n'
    project.write({"app/mod.py": text})

    assert len({finding.fingerprint for finding in project.check("app").findings}) == 2


def test_the_target_and_its_private_modules_are_exempt(project) -> None:
    legacy = 'import logging\n\nlogging.getLogger("x").info("y")\n'
    project.write(
        {
            "house/__init__.py": "",
            "house/log.py": f"from house import _sink\n\n\nclass House: ...\n\n\n{legacy}",
            "house/_sink.py": legacy,
            "house/_other.py": legacy,
            "house/open.py": legacy,
        },
        '[tool.logshift.target]\nmodule = "house.log"\nclass = "House"\n',
    )

    assert {finding.path for finding in project.check("house").findings} == {"house/_other.py", "house/open.py"}
