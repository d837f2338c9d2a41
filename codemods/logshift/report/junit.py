"""JUnit XML, for CI servers that show tests: a suite for each file with findings, a failed case for each finding.

There is no standard; this is what Jenkins, GitLab and Azure read alike. A run without findings is one passed case, as
servers take a report without cases for a broken one. What is known, suppressed or allowed by a figure is skipped.
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from logshift.engine import Analysis, FileResult, shown
from logshift.model import Finding, Unanalysed

#: What XML 1.0 cannot hold, not even escaped. https://www.w3.org/TR/xml/#charsets
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_NO_FINDINGS = """\
  <testsuite name="logshift" tests="1" failures="0" errors="0">
    <testcase classname="logshift" name="no findings"/>
  </testsuite>
"""


def render(analysis: Analysis) -> str:
    """Return the report as XML."""
    told = [(shown(file.facts.path), _cases(file, analysis)) for file in analysis.files]
    suites = [_suite(path, cases) for path, cases in told if cases]
    suites += [_unreadable(one) for one in analysis.unanalysed]
    missed = [_missed(one) for one in (analysis.gate.missed if analysis.gate is not None else ())]
    if missed:
        suites.append(_suite("logshift", missed))
    tests = sum(len(cases) for _, cases in told) + len(missed) + len(analysis.unanalysed)
    if not suites:
        suites, tests = [_NO_FINDINGS], 1
    failures, errors = sum("<failure" in case for _, cases in told for case in cases), len(analysis.unanalysed)
    failures += len(missed)
    head = f'<testsuites name="logshift" tests="{tests}" failures="{failures}" errors="{errors}">\n'
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}{"".join(suites)}</testsuites>\n'


def _cases(file: FileResult, analysis: Analysis) -> list[str]:
    path = shown(file.facts.path)
    allowed = "" if analysis.findings_fail else "the figures that were asked for decide"
    cases = [(one, allowed) for one in file.findings]
    cases += [(one, "in the baseline") for one in file.known]
    cases += [(one.finding, one.comment.reason or "suppressed") for one in file.suppressed]
    return [_case(path, one, skipped) for one, skipped in sorted(cases, key=lambda case: case[0].span)]


def _suite(path: str, cases: list[str]) -> str:
    failures, skipped = (sum(word in case for case in cases) for word in ("<failure", "<skipped"))
    counts = f'tests="{len(cases)}" failures="{failures}" errors="0"' + (f' skipped="{skipped}"' if skipped else "")
    return f"  <testsuite name={_attribute(path)} {counts}>\n{''.join(cases)}  </testsuite>\n"


def _missed(what: str) -> str:
    return (
        f'    <testcase classname="logshift" name={_attribute(what)}>\n'
        f'      <failure type="gate" message={_attribute(what)}/>\n    </testcase>\n'
    )


def _case(path: str, one: Finding, skipped: str) -> str:
    """Return a finding as a test that has failed, or that was skipped for a reason."""
    place = f"{path}:{one.start.line}:{one.start.column}"
    held = f" ({one.reason})" if one.reason is not None else ""
    case = (
        f"    <testcase classname={_attribute(path)} name={_attribute(f'{one.code} {place}')} "
        f'file={_attribute(path)} line="{one.start.line}">\n'
    )
    if skipped:
        return f"{case}      <skipped message={_attribute(skipped)}/>\n    </testcase>\n"
    return (
        f"{case}      <failure type={_attribute(one.name)} message={_attribute(one.message)}>"
        f"{_text(f'{place} {one.code} [{one.applicability}] {one.message}{held}')}</failure>\n    </testcase>\n"
    )


def _unreadable(one: Unanalysed) -> str:
    path = shown(one.path)
    return (
        f'  <testsuite name={_attribute(path)} tests="1" failures="0" errors="1">\n'
        f"    <testcase classname={_attribute(path)} name={_attribute(f'not analysed {path}')}>\n"
        f'      <error type="not-analysed" message={_attribute(one.message)}>'
        f"{_text(f'{path}:{one.line}:{one.column} {one.message}')}</error>\n    </testcase>\n  </testsuite>\n"
    )


def _text(text: str) -> str:
    return escape(_FORBIDDEN.sub("�", text))


def _attribute(text: str) -> str:
    return quoteattr(_FORBIDDEN.sub("�", text), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
