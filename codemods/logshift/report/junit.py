"""JUnit XML, for CI servers that show tests: a suite for each file with findings, a failed case for each finding.

There is no standard; this is what Jenkins, GitLab and Azure read alike. A run without findings is one passed case, as
servers take a report without cases for a broken one.
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from logshift.engine import Analysis, shown
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
    suites = [_suite(shown(file.facts.path), file.findings) for file in analysis.files if file.findings]
    suites += [_unreadable(one) for one in analysis.unanalysed]
    if not suites:
        suites = [_NO_FINDINGS]
    failures, errors = len(analysis.findings), len(analysis.unanalysed)
    tests = max(failures + errors, 1)
    head = f'<testsuites name="logshift" tests="{tests}" failures="{failures}" errors="{errors}">\n'
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}{"".join(suites)}</testsuites>\n'


def _suite(path: str, findings: tuple[Finding, ...]) -> str:
    cases = "".join(_case(path, one) for one in findings)
    number = len(findings)
    counts = f'tests="{number}" failures="{number}" errors="0"'
    return f"  <testsuite name={_attribute(path)} {counts}>\n{cases}  </testsuite>\n"


def _case(path: str, one: Finding) -> str:
    place = f"{path}:{one.start.line}:{one.start.column}"
    held = f" ({one.reason})" if one.reason is not None else ""
    return (
        f"    <testcase classname={_attribute(path)} name={_attribute(f'{one.code} {place}')} "
        f'file={_attribute(path)} line="{one.start.line}">\n'
        f"      <failure type={_attribute(one.name)} message={_attribute(one.message)}>"
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
