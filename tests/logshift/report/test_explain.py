"""`explain` tells the whole chain: where a logger is made, what is done with it, what becomes of it, and why."""

from __future__ import annotations

import pytest

from logshift.explain import rule_page
from logshift.reasons import EXPLANATIONS
from logshift.rules import all_rules

SOURCE = """\
import logging
from logging import *

logger = logging.getLogger(__name__)
other = getLogger("other")


def run(n):
    logger.info("run %d", n)
    logger.name
    logger.disabled = True
    return logger


logging.getLogger("httpx").setLevel(logging.WARNING)
logging.info("root")
"""


def test_every_logger_is_explained(project, logshift, snapshot):
    project({"a.py": SOURCE})
    told = logshift("explain", "a.py")
    assert (told.status, told.err) == (0, "")
    snapshot.assert_match(told.out, "explain.txt")


def test_line_chooses_the_loggers_that_are_made_or_used_there(project, logshift):
    project({"a.py": SOURCE})
    heads = {
        line: [part.split("\n")[0] for part in logshift("explain", f"a.py:{line}").out.split("\n\n")]
        for line in range(1, 18)
    }
    assert all(head[0].startswith("a.py:4:10 ") for line, head in heads.items() if line in (4, 9, 10, 11, 12))
    assert heads[5][0].startswith("a.py:5:9 ")
    assert heads[15][0].startswith("a.py:15:1 ")
    assert heads[16][0].startswith("a.py:16:1 ")
    nothing = {line for line, head in heads.items() if head == ["No logger is made or used here."]}
    assert nothing == {1, 2, 3, 6, 7, 8, 13, 14, 17}


def test_many_uses_are_cut_and_counted(project, logshift):
    project({"a.py": "import logging\nlogger = logging.getLogger('a')\n" + "logger.info('x')\n" * 20})
    lines = logshift("explain", "a.py").out.split("\n")
    assert sum(line.startswith("  use:  line ") for line in lines) == 12
    assert "  use:  … and 8 more" in lines


def test_logger_that_stays_is_told_with_what_to_do(project, logshift):
    project({"a.py": SOURCE})
    out = logshift("explain", "a.py:5").out
    (reason,) = [reason for reason in EXPLANATIONS if f"it stays ({reason})" in out]
    assert f"  then: it stays ({reason}): {EXPLANATIONS[reason].means}\n  do:   {EXPLANATIONS[reason].do}\n" in out


def test_file_that_cannot_be_analysed_is_told_of(project, logshift):
    project({"a.py": "logging.getLogger(\n"})
    told = logshift("explain", "a.py")
    assert (told.status, told.out) == (3, "a.py:1:18 was not analysed: syntax error: '(' was never closed\n")


@pytest.mark.parametrize("rule", all_rules(), ids=[rule.code for rule in all_rules()])
def test_page_of_a_rule_is_found_by_code_and_name_in_any_case(rule):
    pages = {rule_page(word) for word in (rule.code, rule.code.lower(), rule.name, rule.name.upper())}
    assert len(pages) == 1
    (page,) = pages
    assert page.startswith(f"# {rule.name} ({rule.code})\n")
    assert rule.bad in page
    assert rule.good in page
    assert rule_page("LS999") is None
