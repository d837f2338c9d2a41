"""Variables: references in the file, and what replaces its values key by key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from universal_framework.config.environment import WELL_KNOWN, field_at, kind_of, parse_text, variable_for
from universal_framework.config.interpolation import InterpolationError, expand
from universal_framework.config.models import SECTIONS

from .conftest import ENVIRON


@pytest.mark.parametrize(
    ("text", "expected"),
    [("${A}", "1"), ("x${A}y${B}z", "x1y${A}z"), ("${U:-d}", "d"), ("${E:-d}", "d"), ("${E}", ""), ("${A:-d}", "1"),
     ("${A:?m}", "1"), ("$${A}", "${A}"), ("$A $", "$A $"), ("${U:-}", ""), ("${U:-a b}", "a b")],
)  # fmt: skip
def test_C2_references_are_replaced_once(text, expected):
    assert expand(text, {"A": "1", "B": "${A}", "E": ""}).text == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [("${U}", "unset_variable"), ("${U:?m}", "unset_variable"), ("${E:?m}", "unset_variable"), ("${", "interpolation"),
     ("${1}", "interpolation"), ("${}", "interpolation"), ("${A:+x}", "interpolation"), ("${A-x}", "interpolation"),
     ("${U:-${A}}", "interpolation")],
)  # fmt: skip
def test_C2_what_cannot_be_replaced_is_told(text, code):
    with pytest.raises(InterpolationError) as caught:
        expand(text, {"A": "1", "E": ""})
    assert caught.value.code == code


def test_C2_an_unset_variable_is_told_with_name_file_line_and_column(judge, told):
    text = '[redis]\nurl = "${NO_SUCH_URL}"\n'
    assert told(text, complete=False)[0] == ("2:7", "redis.url", "config.unset_variable")
    issue = judge(text, complete=False).report.issues[0]
    assert "${NO_SUCH_URL} is not set" in issue.message
    assert str(issue.source).endswith("app.toml:2:7")
    asked = judge('[redis]\nurl = "${U:?ask the operators}"\n', complete=False).report.issues[0]
    assert asked.hint == "ask the operators"
    assert "config.missing" not in judge(text, complete=False).report.codes()


def test_C2_keys_are_not_expanded_and_values_of_every_type_are(judge, told):
    assert told('[redis]\n"${A}" = 1\n', {"A": "max_connections"})[0][2] == "config.unknown_key"
    examination = judge('[redis]\nmax_connections = "${POOL:-12}"\nread_only_check = "${RO}"\n', {"RO": "yes"})
    assert (examination.config.redis.max_connections, examination.config.redis.read_only_check) == (12, True)
    assert told('[redis]\nmax_connections = "${POOL}"\n', {"POOL": "x"}) == [
        ("POOL", "redis.max_connections", "config.type")
    ]


@given(
    st.text(st.sampled_from("${}:-?AB x"), max_size=20),
    st.dictionaries(st.sampled_from(["A", "B"]), st.text(max_size=5)),
)
def test_C2_every_text_is_expanded_or_refused(text, environ):
    try:
        expanded = expand(text, environ)
    except InterpolationError:
        return
    if "${" not in text:
        assert expanded.text == text


def test_C22_every_key_has_a_variable(judge):
    samples = {"bool": "true", "int": "7", "float": "1", "debug": "false", "max_session_age_hours": "30",
               "max_series": "10", "sliding_window": "30", "degradation_factor": "2"}  # fmt: skip
    for section, model in SECTIONS.items():
        for key in model.model_fields:
            field = field_at((section, key))
            if field is None or key in ("sentinels", "sentinel_service"):
                continue
            kind = kind_of(field)
            text = kind.choices[-1] if kind.choices else samples.get(key, samples.get(kind.name))
            if text is None:
                continue
            variable = variable_for((section, key))
            examination = judge("", {variable: text})
            assert examination.report.valid, (variable, examination.report.errors)
            value = getattr(getattr(examination.config, section), key)
            assert (list(value) if kind.name == "list" else value) == parse_text(text, kind)
    sentinels = {"UF__REDIS__SENTINELS": "a:1, b:2", "UF__REDIS__SENTINEL_SERVICE": "main"}
    assert judge("", sentinels).config.redis.sentinels == ("a:1", "b:2")


def test_C22_arguments_are_stronger_than_variables_and_these_than_the_file(judge):
    text = '[redis]\nurl = "redis://file/1"\nretry_delay = 4\n[llm]\ntimeout = 1\n'
    names = {"UF__REDIS__URL": "redis://overlay/2", "REDIS_URL": "redis://known/3"}

    def url(environ=None, **options):
        return judge(text, environ, complete=False, **options)

    def host(examination):
        return examination.sections["redis"].url.get_secret_value()

    assert host(url()) == "redis://file/1"
    assert host(url(environ={"REDIS_URL": names["REDIS_URL"]})) == "redis://known/3"
    assert host(url(environ={"REDIS_URL": ""})) == "redis://file/1"
    assert host(url(environ=names)) == "redis://overlay/2"
    top = url(environ=names, arguments={"redis": {"url": "redis://argument/4"}})
    assert host(top) == "redis://argument/4"
    assert top.sections["redis"].retry_delay == 4
    assert WELL_KNOWN == {"REDIS_URL": ("redis", "url"), "OPENAI_API_KEY": ("llm", "api_key")}


def test_C22_a_value_that_is_replaced_is_not_asked_for(judge):
    text = '[redis]\nurl = "${NO_SUCH_URL}"\n'
    assert judge(text, {"UF__REDIS__URL": "redis://h/0"}).report.valid


def test_C23_an_unknown_variable_is_an_error_in_production_with_the_one_that_was_meant(judge):
    examination = judge("", {"UF__REDSI__URL": "x"})
    (issue,) = examination.report.issues
    assert (issue.code, issue.source.variable) == ("config.unknown_variable", "UF__REDSI__URL")
    assert issue.hint == "did you mean UF__REDIS__URL?"
    assert not examination.report.valid
    staging = judge("", {"UF__REDSI__URL": "x", "UF__ENVIRONMENT__NAME": "staging"})
    assert staging.report.valid
    assert staging.report.codes() == ("config.unknown_variable",)
    for name in ("UF__", "UF__REDIS", "UF__REDIS__URL__X", "uf__redis__url", "UF____"):
        assert "config.unknown_variable" in judge("", {name: "x"}).report.codes(), name
    assert judge("", {"UF_LOG_LEVEL": "INFO"}).report.issues == ()


@pytest.mark.parametrize(
    ("variable", "text"),
    [("UF__REDIS__MAX_CONNECTIONS", "1_0"), ("UF__REDIS__MAX_CONNECTIONS", ""), ("UF__REDIS__RETRY_DELAY", "nan"),
     ("UF__REDIS__RETRY_DELAY", "1e999"), ("UF__ENVIRONMENT__DEBUG", "perhaps"), ("UF__REDIS__MAX_CONNECTIONS", "9" * 30)],
)  # fmt: skip
def test_C24_variables_are_read_as_the_type_that_is_asked_for(told, variable, text):
    (row,) = told("", {variable: text})
    assert (row[0], row[2]) == (variable, "config.type")


def test_C24_variables_may_spell_switches_as_people_do(judge):
    for text, value in (("yes", True), ("ON", True), (" 1 ", True), ("0", False), ("No", False)):
        assert judge("", {"UF__REDIS__READ_ONLY_CHECK": text}).config.redis.read_only_check is value


def test_a_wrong_value_of_a_variable_is_told_once_at_the_variable(told):
    assert told('[redis]\nmax_connections = "x"\n', {"UF__REDIS__MAX_CONNECTIONS": "0"}) == [
        ("UF__REDIS__MAX_CONNECTIONS", "redis.max_connections", "config.range")
    ]
    assert told("", {"REDIS_URL": "ftp://x"}) == [("REDIS_URL", "redis.url", "redis.url")]
    assert ENVIRON["REDIS_URL"].startswith("redis://")
