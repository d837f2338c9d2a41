"""What is known of a project as a whole: components, who refers to whom, import cycles, two ways of events."""

from __future__ import annotations

import pytest

from logshift.migrate import migrate

LEGACY = "import logging\n\nlog = logging.getLogger(__name__)\n"
HOUSE = "universal_framework.observability.unified_logger"


def components(project) -> dict[str, str]:
    return {outcome.path: outcome.plan.component for outcome in project.migrate().outcomes}


def test_the_component_is_the_files_stem_and_a_packages_name(project) -> None:
    project.write({"app/orders.py": LEGACY, "app/shop/__init__.py": LEGACY, "app/shop/cart.py": LEGACY})

    assert components(project) == {
        "app/orders.py": "orders",
        "app/shop/__init__.py": "shop",
        "app/shop/cart.py": "cart",
    }


def test_on_collision_the_component_is_the_shortest_suffix_that_is_unique(project) -> None:
    project.write(
        {
            "app/a/__init__.py": "",
            "app/a/utils.py": LEGACY,
            "app/b/__init__.py": "",
            "app/b/utils.py": LEGACY,
            "app/utils.py": LEGACY,
            "app/quiet/__init__.py": "",
            "app/quiet/orders.py": "x = 1\n",
            "app/orders.py": LEGACY,
        }
    )

    found = components(project)
    assert found["app/a/utils.py"] == "a.utils"
    assert found["app/b/utils.py"] == "b.utils"
    assert found["app/utils.py"] == "app.utils"
    assert found["app/orders.py"] == "orders", "a namesake that does not log takes no name"


def test_a_component_does_not_depend_on_which_files_are_named(project) -> None:
    project.write(
        {"app/a/__init__.py": "", "app/a/utils.py": LEGACY, "app/b/__init__.py": "", "app/b/utils.py": LEGACY}
    )

    (alone,) = project.migrate("app/a/utils.py").outcomes
    assert alone.plan.component == "a.utils"


@pytest.mark.parametrize("pattern", ["app/orders.py", "app/ord*.py", "**/orders.py"])
def test_a_component_can_be_configured_by_path_or_glob(project, pattern: str) -> None:
    config = f'[tool.logshift.target.components]\n"{pattern}" = "shop_orders"\n'
    project.write({"app/orders.py": LEGACY, "app/other.py": LEGACY}, config)

    assert components(project) == {"app/orders.py": "shop_orders", "app/other.py": "other"}


def test_a_configured_component_is_not_given_to_another_file(project) -> None:
    project.write(
        {"app/orders.py": LEGACY, "app/other.py": LEGACY},
        '[tool.logshift.target.components]\n"app/other.py" = "orders"\n',
    )

    assert components(project) == {"app/orders.py": "app.orders", "app/other.py": "orders"}


def test_a_quote_in_a_component_does_not_break_the_literal(project) -> None:
    project.write({"app/mod.py": LEGACY}, '[tool.logshift.target.components]\n"app/mod.py" = \'a"b\\c\'\n')

    assert """UniversalFrameworkLogger('a"b\\\\c')""" in project.after().decode()


@pytest.mark.parametrize(
    ("other", "is_mentioned"),
    [
        ("from app.mod import audit\n", True),
        ("from .mod import audit\n", True),
        ("from .mod import (\n    logger,\n    audit as a,\n)\n", True),
        ("from app import mod\nmod.audit.info('x')\n", True),
        ("import app.mod\napp.mod.audit.info('x')\n", True),
        ("import app.mod as m\nm.audit.info('x')\n", True),
        ("from . import mod as m\nprint(m.audit)\n", True),
        ("from .mod import *\n", True),
        ("import mock\nmock.patch('app.mod.audit')\n", True),
        ("import mock\nmock.patch('app.mod.audit.info')\n", True),
        ("import app.mod\n\n\ndef t(monkeypatch):\n    monkeypatch.setattr(app.mod, 'audit', None)\n", True),
        ("from app.mod import logger\naudit = logger\n", False),
        ("from app.model import audit\n", False),
        ("from lib.mod import audit\n", False),
        ("mod = object()\nmod.audit.info('x')\n", False),
        ("TEXT = 'the mod audit of app.mod.auditors'\n", False),
        ("# from app.mod import audit\n", False),
        ("from app.mod import audit !\n", False),
    ],
)
def test_a_module_level_name_stays_where_another_file_refers_to_it(project, other: str, is_mentioned: bool) -> None:
    text = (
        'import structlog\n\nlogger = structlog.get_logger()\naudit = structlog.get_logger("audit")\naudit.info("x")\n'
    )
    project.write({"app/mod.py": text, "app/other.py": other})

    after = project.after().decode()
    assert ('audit = logger.bind(channel="audit")' in after) == is_mentioned
    assert ('logger.info("x", channel="audit")' in after) != is_mentioned


def test_a_name_of_a_package_is_found_through_a_relative_import(project) -> None:
    text = 'import structlog\n\nlogger = structlog.get_logger()\naudit = structlog.get_logger("audit")\n'
    project.write({"app/__init__.py": text, "app/other.py": "from . import audit\n"})

    assert b'audit = logger.bind(channel="audit")' in project.after("app/__init__.py")


TARGET = '[tool.logshift.target]\nmodule = "app.log.house"\nclass = "House"\n'


def test_a_new_import_cycle_is_refused_and_explained(project) -> None:
    project.write(
        {
            "app/log/__init__.py": "",
            "app/log/house.py": "from app.settings import LEVEL\n\n\nclass House: ...\n",
            "app/settings.py": f"{LEGACY}\nLEVEL = 1\n",
            "app/free.py": LEGACY,
        },
        TARGET,
    )

    outcomes = {outcome.path: outcome for outcome in project.migrate().outcomes}
    assert outcomes["app/free.py"].after is not None
    assert outcomes["app/settings.py"].after is None
    (kept,) = outcomes["app/settings.py"].kept
    assert str(kept.reason) == "import-cycle"
    assert "app.settings imports app.log.house imports app.settings" in kept.detail


@pytest.mark.parametrize(
    ("house", "package", "is_cycle"),
    [
        ("from app import settings\n", "", True),
        ("from app.helpers import x\n", "", True),
        ("", "from app.settings import LEVEL\n", True),
        ("def f():\n    from app.settings import LEVEL\n", "", False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from app.settings import LEVEL\n", "", False),
        ("import logging\n", "", False),
    ],
)
def test_cycles_run_through_packages_but_not_through_deferred_imports(
    project, house: str, package: str, is_cycle: bool
) -> None:
    project.write(
        {
            "app/log/__init__.py": package,
            "app/log/house.py": f"{house}\n\nclass House: ...\n",
            "app/helpers.py": "import app.settings\n\nx = 1\n",
            "app/settings.py": f"{LEGACY}\nLEVEL = 1\n",
        },
        TARGET,
    )

    (outcome,) = [one for one in project.migrate().outcomes if one.path == "app/settings.py"]
    assert (outcome.after is None) == is_cycle


def test_a_module_below_the_targets_package_may_import_the_target(project) -> None:
    project.write(
        {
            "app/log/__init__.py": "from app.log.router import x\n",
            "app/log/house.py": "class House: ...\n",
            "app/log/router.py": f"{LEGACY}x = 1\n",
        },
        TARGET,
    )

    assert b"from app.log.house import House" in project.after("app/log/router.py")


def test_a_relative_import_style_is_used_where_the_target_is_near(project) -> None:
    project.write(
        {
            "app/log/__init__.py": "",
            "app/log/house.py": "class House: ...\n",
            "app/log/router.py": LEGACY,
            "app/a/__init__.py": "",
            "app/a/deep.py": LEGACY,
            "tool.py": LEGACY,
        },
        TARGET + 'import-style = "relative"\n',
    )

    assert b"from .house import House" in project.after("app/log/router.py")
    assert b"from ..log.house import House" in project.after("app/a/deep.py")
    assert b"from app.log.house import House" in project.after("tool.py")


def test_stdlib_loggers_are_told_their_way_only_where_structlog_is_used_too(project) -> None:
    project.write({"app/mod.py": LEGACY})
    assert b'UniversalFrameworkLogger("mod")' in project.after()

    project.write({"app/other.py": "import os, structlog\n"})
    assert b'UniversalFrameworkLogger("mod", via="stdlib")' in project.after()


def test_a_stdlib_and_a_structlog_logger_of_one_file_do_not_become_one(project) -> None:
    text = "import logging\n\nimport structlog\n\na = logging.getLogger(__name__)\nb = structlog.get_logger()\n\n\ndef f():\n    structlog.get_logger().info('x')\n"
    project.write({"app/mod.py": text})

    after = project.after().decode()
    assert 'a = UniversalFrameworkLogger("mod", via="stdlib")\n' in after
    assert 'b = UniversalFrameworkLogger("mod")\n' in after
    assert "    b.info('x')\n" in after


def test_channels_can_be_turned_off(project) -> None:
    text = (
        'import structlog\n\nlogger = structlog.get_logger()\n\n\ndef f():\n    structlog.get_logger("x").info("y")\n'
    )
    project.write({"app/mod.py": text}, "[tool.logshift]\nkeep-channels = false\n")

    assert 'logger.info("y")\n' in project.after().decode()


def test_a_helpers_channel_is_kept(project) -> None:
    config = '[[tool.logshift.legacy]]\nfactory = "app.helpers.Flow"\nchannel = "flow"\nmethods = { go = "log_info" }\n'
    project.write(
        {
            "app/mod.py": "from app.helpers import Flow\n\n\ndef f():\n    flow = Flow()\n    flow.go('x')\n",
            "app/helpers.py": "",
        },
        config,
    )

    assert "logger.log_info('x', channel=\"flow\")" in project.after().decode()


@pytest.mark.parametrize(
    ("contract", "text", "reason"),
    [
        ("constructor = []", 'import logging\nlog = logging.getLogger("other")\n', "name-lost"),
        ('methods = ["info"]', "import logging\nlog = logging.getLogger(__name__)\nlog.debug('x')\n", "unknown-method"),
        (
            'methods = ["info"]\nstands-for = []',
            "import logging\nlog = logging.getLogger(__name__)\nlog.notice('x')\n",
            "unknown-method",
        ),
        (
            'formatting = "none"',
            "import logging\nlog = logging.getLogger(__name__)\nlog.info('x %s', 1)\n",
            "unknown-arguments",
        ),
        ("fields = false", "import structlog\nlog = structlog.get_logger()\nlog.info('x', a=1)\n", "unknown-arguments"),
        (
            "attributes = []",
            "import logging\nlog = logging.getLogger(__name__)\nprint(log.name)\n",
            "unknown-attribute",
        ),
    ],
)
def test_a_target_that_promises_less_keeps_more(project, contract: str, text: str, reason: str) -> None:
    project.write(
        {"app/mod.py": text},
        f'[tool.logshift.target]\nmodule = "their.log"\nclass = "Log"\n[tool.logshift.target.contract]\n{contract}\n',
    )

    (outcome,) = project.migrate("app/mod.py").outcomes
    assert [str(kept.reason) for kept in outcome.kept] == [reason]


def test_another_teams_target_is_written(project) -> None:
    text = "import logging\n\nlog = logging.getLogger(__name__)\nlog.info('x')\n"
    project.write({"app/mod.py": text}, '[tool.logshift.target]\nmodule = "their.log"\nclass = "Log"\n')

    assert project.after().decode() == "from their.log import Log\n\nlog = Log(\"mod\")\nlog.info('x')\n"


AT_RUN_TIME = "import logging\n\n\ndef load():\n    logging.getLogger('x').error('failed')\n"
AT_IMPORT = "import logging\n\nlogger = logging.getLogger(__name__)\n"
IMPORTED = "from structlog import get_logger\n\nlogger = get_logger()\n"


@pytest.mark.parametrize(
    ("module", "test", "is_patched"),
    [
        (AT_RUN_TIME, "with patch('app.mod.logging.getLogger') as g: ...", True),
        (AT_RUN_TIME, "@patch('app.mod.logging.getLogger')\ndef t(g): ...", True),
        (AT_RUN_TIME, "def t(monkeypatch): monkeypatch.setattr('app.mod.logging.getLogger', g)", True),
        (AT_RUN_TIME, "from app import mod\npatch.object(mod.logging, 'getLogger')", True),
        (AT_RUN_TIME, "import app.mod as m\ndef t(mocker): mocker.patch.object(m.logging, 'getLogger')", True),
        (AT_RUN_TIME, "import app.mod\napp.mod.logging.getLogger = Mock()", True),
        (AT_RUN_TIME, "from app import mod\npatch.multiple(mod.logging, getLogger=DEFAULT)", True),
        (AT_RUN_TIME, "MOD = 'app.mod'\npatch(f'{MOD}.logging.getLogger')", True),
        (AT_RUN_TIME, "MOD = 'app.mod'\npatch(MOD + '.logging.getLogger')", True),
        (AT_RUN_TIME, "from app import mod\npatch(mod.__name__ + '.logging.getLogger')", True),
        (AT_RUN_TIME, "import app.mod\ndef t(where): patch(f'{where}.logging.getLogger')", True),
        (AT_RUN_TIME, "from app.mod import load\npatch('logging.getLogger')", True),
        (AT_RUN_TIME, "patch('logging.getLogger')\nimportlib.import_module('app.mod')", True),
        (AT_RUN_TIME, "import logging\nimport app.mod\npatch.object(logging, 'getLogger')", True),
        (AT_RUN_TIME, "patch('app.mod.logging')", True),
        (AT_IMPORT, "patch('app.mod.logging.getLogger')", True),
        (AT_IMPORT, "patch('app.mod.logging')", False),
        (IMPORTED, "patch('app.mod.get_logger')", True),
        (IMPORTED, "patch('structlog.get_logger')\nimport app.mod", True),
        (IMPORTED, "patch('app.mod.structlog.get_logger')", False),
        (AT_RUN_TIME, "patch('app.mod.logging.basicConfig')", False),
        (AT_RUN_TIME, "patch('app.mod.load')\nimport logging", False),
        (AT_RUN_TIME, "patch('app.model.logging.getLogger')", False),
        (AT_RUN_TIME, "patch('logging.getLogger')\nimport app.other", False),
        (AT_RUN_TIME, "# patch('app.mod.logging.getLogger')", False),
        (AT_RUN_TIME, "TEXT = 'app.mod.logging.getLogger'", False),
    ],
)
def test_a_logger_whose_factory_is_patched_moves_only_where_that_is_asked_for(
    project, module: str, test: str, is_patched: bool
) -> None:
    project.write({"app/mod.py": module, "tests/t.py": f"from unittest.mock import *\n{test}\n"})

    (finding,) = [one for one in project.check("app/mod.py").findings if one.binding >= 0]
    assert str(finding.applicability) == ("unsafe" if is_patched else "safe")
    assert (str(finding.reason) == "factory-patched") == is_patched
    assert ("its factory is patched in tests/t.py" in finding.message) == is_patched
    (outcome,) = project.migrate("app/mod.py").outcomes
    assert (outcome.after is None) == is_patched
    assert [one.detail for one in outcome.kept] == ["its factory is patched in tests/t.py"] * is_patched
    (outcome,) = migrate(project.check("app/mod.py"), unsafe_fixes=True).outcomes
    assert outcome.after is not None
    assert not outcome.kept


def test_what_a_person_has_to_look_at_is_not_made_unsafe_by_a_patch(project) -> None:
    text = "import logging\n\nlog = logging.getLogger(__name__)\nprint(log is None or log is logging)\n"
    project.write({"app/mod.py": text, "tests/t.py": "from mock import patch\npatch('app.mod.logging.getLogger')\n"})

    (finding,) = project.check("app/mod.py").findings
    assert (str(finding.applicability), str(finding.reason)) == ("manual", "compared-by-identity")
    assert migrate(project.check("app/mod.py"), unsafe_fixes=True).outcomes[0].after is None


REEXPORTING = '[[tool.logshift.legacy]]\nfactory = "util.logs.get_log"\n[tool.logshift.target]\nmodule = "util.house"\nclass = "House"\n'
UTIL = {
    "util/logs.py": "import logging\n\n\ndef get_log(): ...\n",
    "util/house.py": "class House: ...\n",
    "util/other.py": "from util import get_log as third\n\n\ndef get_log(): ...\n",
    "util/all.py": "from .logs import *\n",
    "util/stdlib.py": "from logging import getLogger as make\nimport logging as lib\n",
    "util/maybe.py": "try:\n    from .logs import get_log\nexcept ImportError:\n    get_log = None\n",
    "util/circle.py": "from .circle import get_log\n",
}


@pytest.mark.parametrize(
    ("package", "text", "found"),
    [
        ("from .logs import get_log\n", "from util import get_log\nlog = get_log()\n", 1),
        ("from .logs import (\n    get_log,\n)\n", "from util import get_log\nlog = get_log()\n", 1),
        ("from .logs import get_log as make\n", "from util import make\nlog = make()\n", 1),
        ("from .logs import get_log as make\n", "from util import make as m\nlog = m()\n", 1),
        ("from .logs import get_log as make\n", "import util\nlog = util.make()\n", 1),
        ("from .logs import get_log as make\n", "import util as u\nlog = u.make()\n", 1),
        ("from .logs import get_log\n", "from util.other import third\nlog = third()\n", 1),
        ("from .logs import get_log\n", "from util.other import get_log\nlog = get_log()\n", 0),
        ("from . import logs\n", "from util import logs\nlog = logs.get_log()\n", 1),
        ("", "from util.all import get_log\nlog = get_log()\n", 1),
        ("", "from util.all import other\nlog = other()\n", 0),
        ("", "from util.maybe import get_log\nlog = get_log()\n", 0),
        ("", "from util.circle import get_log\nlog = get_log()\n", 0),
        ("", "from util import get_log\nlog = get_log()\n", 0),
        ("", "from util.stdlib import make\nlog = make('x')\n", 1),
        ("", "from util.stdlib import lib\nlog = lib.getLogger('x')\n", 1),
    ],
)
def test_a_factory_is_followed_through_the_modules_that_re_export_it(
    project, package: str, text: str, found: int
) -> None:
    project.write({**UTIL, "util/__init__.py": package, "app/mod.py": text}, REEXPORTING)

    assert [str(one.applicability) for one in project.check("app/mod.py").findings] == ["safe"] * found
    (*outcomes,) = project.migrate("app/mod.py").outcomes
    assert [outcome.failed for outcome in outcomes] == [None] * found
    assert (b"from util.house import House\n" in project.after()) == bool(found)


def test_a_target_that_is_re_exported_is_the_target(project) -> None:
    text = "import logging\n\nfrom app.log import Log\n\nlog = Log('x')\nother = logging.getLogger('y')\n"
    files = {**UTIL, "util/__init__.py": "", "app/log.py": "from util.house import House as Log\n", "app/mod.py": text}
    project.write(files, REEXPORTING)

    assert len(project.check("app/mod.py").findings) == 1
    after = project.after().decode()
    assert 'from app.log import Log\n\nlog = Log(\'x\')\nother = Log("mod", name="y")\n' in after
    assert "import House" not in after
