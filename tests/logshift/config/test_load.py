"""Every key is checked before anything runs, and a message says where and what instead."""

from __future__ import annotations

import json
import tomllib

import pytest

from logshift.config.load import (
    Config,
    ConfigurationError,
    ContractTable,
    LegacyTable,
    TargetTable,
    config_schema,
    load,
)
from logshift.config.settings import Legacy, Settings, TargetSettings

# -- what is right -----------------------------------------------------------------------------------------

EVERYTHING = """
src = ["lib"]
exclude = ["a/"]
extend-exclude = ["b/"]
respect-gitignore = false
keep-channels = false
require-suppression-reason = true
baseline = "known.jsonl"
ratchet = "counts.jsonl"

[target]
module = "house.log"
class = "Log"
import-style = "relative"

[target.components]
"src/a.py" = "alpha"
"lib/**" = "beta"

[target.contract]
methods = ["info"]
attributes = ["name"]
formatting = "none"
fields = false
reserved = ["exc_info"]
stands-for = ["logging.Logger"]
constructor = ["name"]

[[legacy]]
factory = "a.b.Helper"

[[legacy]]
factory = "a.get"
kind = "helper"
methods = { note = "info" }
channel = "flow"
"""


def test_empty_file_gives_the_defaults(here):
    """Drift: `Settings` and the table of keys each have defaults, and they have to be the same."""
    (here / "logshift.toml").write_text("")
    loaded = load(str(here / "logshift.toml"))
    assert loaded._replace(root=".", file=None, digest="default") == Settings()


def test_every_key_arrives(here):
    path = here / "logshift.toml"
    path.write_text(EVERYTHING)
    loaded = load(str(path))
    default = Settings()
    same = [name for name in Settings._fields if getattr(loaded, name) == getattr(default, name)]
    assert same == []
    assert loaded.root == str(here)
    assert loaded.legacy == (Legacy("a.b.Helper"), Legacy("a.get", (("note", "info"),), "flow"))
    target = loaded.target
    assert [name for name in TargetSettings._fields if getattr(target, name) == getattr(default.target, name)] == []
    assert target.components == (("src/a.py", "alpha"), ("lib/**", "beta"))
    contract = target.contract
    assert [
        name for name in contract._fields if getattr(contract, name) == getattr(default.target.contract, name)
    ] == []


def test_every_key_is_in_the_example():
    document = tomllib.loads(EVERYTHING)
    for model, table in (
        (Config, document),
        (TargetTable, document["target"]),
        (ContractTable, document["target"]["contract"]),
        (LegacyTable, document["legacy"][1]),
    ):
        assert sorted(table) == sorted(field.alias for field in model.model_fields.values())


def test_shared_file_has_the_same_keys_below_a_table(here):
    (here / "logshift.toml").write_text(EVERYTHING)
    table = EVERYTHING.replace("[[", "[[tool.logshift.").replace("\n[target", "\n[tool.logshift.target")
    (here / "pyproject.toml").write_text("[tool.logshift]" + table)
    own, shared = load(str(here / "logshift.toml")), load(str(here / "pyproject.toml"))
    assert shared._replace(file=own.file, digest=own.digest) == own


@pytest.mark.parametrize(
    "text", ["", "[tool]\n", "[tool.other]\n", "tool = 3\n", "[dependency-groups]\ndev=['logshift']\n"]
)
def test_shared_file_may_say_nothing_of_us(here, text):
    (here / "pyproject.toml").write_text(text)
    assert load(str(here / "pyproject.toml")) is None


def test_empty_table_is_a_configuration(here):
    (here / "pyproject.toml").write_text("[tool.logshift]\n")
    assert load(str(here / "pyproject.toml")).src == ("src", ".")


def test_byte_order_mark_and_windows_newlines_are_no_part_of_it(here):
    (here / "logshift.toml").write_bytes(b"\xef\xbb\xbfsrc = [\r\n  'a',\r\n]\r\n")
    assert load(str(here / "logshift.toml")).src == ("a",)


def test_digest_is_of_the_bytes(here):
    digests = set()
    for text in ("", "src = ['a']", "src = ['b']", "src = ['b'] "):
        (here / "logshift.toml").write_text(text)
        digests.add(load(str(here / "logshift.toml")).digest)
    assert len(digests) == 4


# -- what is wrong -----------------------------------------------------------------------------------------

WRONG = [
    # the file; what is said of it
    ("srcs = ['a']", "logshift.toml:1:1: unknown key `srcs`; did you mean `src`?"),
    ("\n\nkeep_channels = true", "logshift.toml:3:1: unknown key `keep_channels`; did you mean `keep-channels`?"),
    ("entirely-different = 1", "logshift.toml:1:1: unknown key `entirely-different`"),
    ("[target]\nclas = 'A'", "logshift.toml:2:1: unknown key `target.clas`; did you mean `class`?"),
    ("[target]\nclass_ = 'A'", "logshift.toml:2:1: unknown key `target.class_`; did you mean `class`?"),
    ("target.modul = 'a'", "logshift.toml:1:8: unknown key `target.modul`; did you mean `module`?"),
    ("[targets]\nmodule = 'a'", "logshift.toml:1:2: unknown key `targets`; did you mean `target`?"),
    ("[target.contract]\nstands_for = []", "logshift.toml:2:1: unknown key `target.contract.stands_for`; did you mean `stands-for`?"),
    ("[[legacy]]\nfactory = 'a.b'\n[[legacy]]\nfactory = 'a.c'\nmethod = {}",
     "logshift.toml:5:1: unknown key `legacy.1.method`; did you mean `methods`?"),
    ("legacy = [{factory = 'a.b', chanel = 'x'}]", "logshift.toml:1:29: unknown key `legacy.0.chanel`; did you mean `channel`?"),
    ("[[legacy]]\nkind = 'helper'", "logshift.toml:1:3: `legacy.0.factory` is missing"),
    ("src = 'a'", "logshift.toml:1:1: `src`: input should be a valid list"),
    ("src = ['a', 3]", "logshift.toml:1:13: `src.1`: input should be a valid string"),
    ("src = [\n  'a',\n  3,\n]", "logshift.toml:3:3: `src.1`: input should be a valid string"),
    ("keep-channels = 'yes'", "logshift.toml:1:1: `keep-channels`: input should be a valid boolean"),
    ("keep-channels = 1", "logshift.toml:1:1: `keep-channels`: input should be a valid boolean"),
    ("target = 'house.Log'", "logshift.toml:1:1: `target`: must be a table"),
    ("[target]\ncomponents = ['a']", "logshift.toml:2:1: `target.components`: must be a table"),
    ("[target]\nimport-style = 'star'", "logshift.toml:2:1: `target.import-style`: input should be 'absolute' or 'relative'"),
    ("[target]\nmodule = 'a-b.c'", "logshift.toml:2:1: `target.module`: must be a dotted Python name such as 'package.module.name'"),
    ("[target]\nmodule = ''", "logshift.toml:2:1: `target.module`: must be a dotted Python name such as 'package.module.name'"),
    ("[target]\nmodule = 'a.import.b'", "logshift.toml:2:1: `target.module`: must be a dotted Python name such as 'package.module.name'"),
    ("[target]\nclass = 'a.B'", "logshift.toml:2:1: `target.class`: must be a Python identifier"),
    ("[target]\nclass = 'class'", "logshift.toml:2:1: `target.class`: must be a Python identifier"),
    ("[target.components]\n'a.py' = ''", "logshift.toml:2:1: `target.components.a.py`: string should have at least 1 character"),
    ("[[legacy]]\nfactory = 'a.b'\nmethods = {'not a name' = 'info'}",
     "logshift.toml:3:12: `legacy.0.methods.not a name`: must be a Python identifier"),
    ("[target.contract]\nformatting = 'brace'", "logshift.toml:2:1: `target.contract.formatting`: input should be 'percent' or 'none'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_wrong_key_or_value_is_told_with_its_place(complaint, text, message):
    assert complaint(text) == message


def test_all_that_is_wrong_is_told_at_once_in_order_of_place(complaint):
    told = complaint("b = 1\nsrc = 3\n[target]\nclass = 4\na = 5\n").split("\n")
    assert [line.split(": ")[0] for line in told] == [
        f"logshift.toml:{place}" for place in ("1:1", "2:1", "4:1", "5:1")
    ]


def test_shared_file_is_told_of_by_its_own_places(complaint):
    told = complaint("[project]\nname = 'x'\n\n[tool.logshift]\nsrcs = []\n", "pyproject.toml")
    assert told == "pyproject.toml:5:1: unknown key `srcs`; did you mean `src`?"
    told = complaint("tool.logshift = 3\n", "pyproject.toml")
    assert told == "pyproject.toml:1:6: `tool.logshift`: must be a table"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("src = [", "logshift.toml:1:8: not valid TOML: "),
        ("src = 'a'\nsrc = 'b'", "logshift.toml:2:10: not valid TOML: Cannot overwrite a value"),
        ("x = 1\ny", "logshift.toml:2:2: not valid TOML: "),
        ('x = "a', "logshift.toml:1:7: not valid TOML: "),
        ('x = """\na\n', "logshift.toml:3:1: not valid TOML: "),
        (b"src = ['\xe9']", "logshift.toml:1:9: not UTF-8, which TOML has to be"),
        (b"# a\n# \xc3\xa9 \xff", "logshift.toml:2:6: not UTF-8"),
        ("src = []\n".encode("utf-16"), "logshift.toml:1:1: not UTF-8"),
    ],
)
def test_file_that_is_not_toml_is_told_with_its_place(complaint, data, message):
    assert complaint(data).startswith(message)


def test_file_that_cannot_be_read_is_told_of(here):
    (here / "logshift.toml").mkdir()
    with pytest.raises(ConfigurationError, match=r"^logshift\.toml: cannot be read: Is a directory$"):
        load(str(here / "logshift.toml"))


# -- the published schema ----------------------------------------------------------------------------------


def test_schema_knows_every_key_as_it_is_written():
    schema = json.loads(config_schema())
    assert set(schema["properties"]) == set(tomllib.loads(EVERYTHING))
    assert set(schema["$defs"]["TargetTable"]["properties"]) == set(tomllib.loads(EVERYTHING)["target"])
    assert schema["additionalProperties"] is False
    described = [*schema["properties"].values(), *schema["$defs"]["ContractTable"]["properties"].values()]
    assert [one for one in described if not ("description" in one or "$ref" in one)] == []
