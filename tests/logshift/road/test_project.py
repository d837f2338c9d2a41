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
        # what this version of Python cannot read may run on another
        ("from app.mod import audit !\n", True),
        ("from lib.other import audit !\n", False),
        ("from src.app.mod import audit\n", True),
        # the name is put together, or asked for, at run time
        ("import mock\nmock.patch.multiple('app.mod', audit=1)\n", True),
        ("import mock\nMOD = 'app.mod'\nmock.patch(f'{MOD}.audit')\n", True),
        ("import mock\nfrom x import MOD\nmock.patch(f'{MOD}.audit.info')\n", True),
        ("import mock\nfrom x import MOD\nmock.patch(MOD + '.audit')\n", True),
        ("import mock\nfrom x import MOD\nmock.patch('%s.audit' % MOD)\n", True),
        ("import mock\nfrom x import MOD\nmock.patch('{}.audit'.format(MOD))\n", True),
        ("import mock\nfrom x import MOD\nmock.patch('.'.join([MOD, 'audit']))\n", True),
        ("import mock\nfor name in ('audit',):\n    mock.patch(f'app.mod.{name}')\n", True),
        ("import mock\nfrom x import MOD\nmock.patch(f'{MOD}.other')\n", False),
        ("import importlib\nimportlib.import_module('app.mod').audit\n", True),
        ("import importlib\nmod = importlib.import_module('.mod', 'app')\nmod.audit\n", True),
        ("import importlib\nmod = importlib.import_module(given)\nmod.audit\n", True),
        ("import importlib\nmod = importlib.import_module('json')\nmod.audit\n", False),
        ("mod = __import__('app.mod').mod\nmod.audit\n", True),
        ("import sys\nsys.modules['app.mod'].audit\n", True),
        ("import sys\nfor mod in sys.modules.values():\n    mod.audit\n", True),
        ("import sys\nsys.modules[__name__].audit\n", False),
        ("import pytest\nmod = pytest.importorskip('app.mod')\nmod.audit\n", True),
        ("import pkgutil\npkgutil.resolve_name('app.mod:audit')\n", True),
        ("import app.mod\nvars(app.mod)['audit']\n", True),
        ("import app.mod\napp.mod.__dict__[given]\n", True),
        ("import app.mod\ngetattr(app.mod, given)\n", True),
        ("import app.mod\ngetattr(app.mod, 'audit')\n", True),
        ("import app.mod\ngetattr(app.mod, 'other')\n", False),
        ("import app.mod\nhelper(app.mod)\n", True),
        ("import app.mod\nhelper(module=app.mod)\n", True),
        ("from app import mod\nMODULES = [mod]\n", True),
        ("from app import mod\n\n\ndef get():\n    return mod\n", True),
        ("from app import mod\nimport importlib\nimportlib.reload(mod)\n", False),
        ("from app import mod\nmod.run()\nalias = mod\nalias.run()\n", False),
        ("from app import mod\nimport mock\nmock.patch.object(mod, 'run')\naudit = 1\n", False),
        ("import logging\nlogging.getLogger('app.mod').audit\n", False),
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


AUDITED = (
    'import structlog\n\nlogger = structlog.get_logger()\naudit = structlog.get_logger("audit")\naudit.info("x")\n'
)
KEPT = 'audit = logger.bind(channel="audit")'


@pytest.mark.parametrize(
    ("path", "text", "is_mentioned"),
    [
        ("left/t.py", "from app.mod import audit\n", True),
        ("ignored/t.py", "from app.mod import audit\n", True),
        ("left/t.py", "import mock\nmock.patch('app.mod.audit')\n", True),
        ("left/t.py", "from app.mod import logger\naudit = 1\n", False),
        ("node_modules/t.py", "from app.mod import audit\n", False),
        ("book.ipynb", '{"cells": [{"source": ["import app.mod\\n", "app.mod.audit.info(1)\\n"]}]}', True),
        ("book.ipynb", '{"cells": [{"source": "from app.mod import x\\naudit(1)"}]}', True),
        ("book.ipynb", '{"cells": [{"source": ["import app\\n"]}]}', False),
        ("bin/run", "#!/usr/bin/env python3\nfrom app.mod import audit\n", True),
        ("bin/run", "#!/bin/sh\nfrom app.mod import audit\n", False),
        ("bin/run", "from app.mod import audit\n", False),
        ("run.pyw", "from app.mod import audit\n", True),
    ],
)
def test_files_that_are_not_analysed_count_as_readers(project, path: str, text: str, is_mentioned: bool) -> None:
    project.write(
        {"app/mod.py": AUDITED, path: text, ".gitignore": "ignored/\n"},
        '[tool.logshift]\nextend-exclude = ["left"]\n',
    )

    assert (KEPT in project.after().decode()) == is_mentioned


def test_an_import_stays_where_a_file_that_is_left_out_patches_it(project) -> None:
    project.write(
        {"app/mod.py": LEGACY, "tests/t.py": "from mock import patch\npatch('app.mod.logging')\n"},
        '[tool.logshift]\nextend-exclude = ["tests"]\n',
    )

    assert project.after().startswith(b"import logging\n")


def test_past_a_number_of_files_that_are_left_out_names_stay(project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logshift.readers._MOST_FILES", 2)
    for count, is_kept in ((2, False), (3, True)):
        project.write(
            {"app/mod.py": AUDITED, **{f"left/{number}.py": "" for number in range(count)}},
            '[tool.logshift]\nextend-exclude = ["left"]\n',
        )
        assert (KEPT in project.after().decode()) == is_kept


def test_of_two_scripts_of_one_name_both_are_read(project) -> None:
    project.write({"app/mod.py": AUDITED, "one/t.py": "from app.mod import audit\n", "two/t.py": ""})
    assert KEPT in project.after().decode()
    project.write({"one/t.py": "", "two/t.py": "from app.mod import audit\n"})
    assert KEPT in project.after().decode()


def test_a_library_that_travels_through_two_star_imports_stays(project) -> None:
    project.write(
        {"app/mod.py": LEGACY, "app/all.py": "from app.mod import *\n", "app/user.py": "from app.all import logging\n"}
    )

    assert b"import logging\n" in project.after()


# -- new names -----------------------------------------------------------------------------------------------

LOCAL = 'import structlog\n\n\ndef helper():\n    log = structlog.get_logger("h")\n    log.info("h")\n'


@pytest.mark.parametrize(
    ("text", "others", "name"),
    [
        (LOCAL, {}, "logger"),
        (
            LOCAL,
            {"app/other.py": "import logging\nlogger = logging.getLogger('b')\nfrom app.mod import *\n"},
            "_logger",
        ),
        (LOCAL, {"app/other.py": "from .mod import *\n"}, "_logger"),
        (LOCAL, {"app/other.py": "from app.model import *\n"}, "logger"),
        (LOCAL, {"left/other.py": "from app.mod import *\n"}, "_logger"),
        (LOCAL, {"app/other.py": "from app.mod import * !\n"}, "_logger"),
        ('__all__ = ["helper"]\n' + LOCAL, {"app/other.py": "from app.mod import *\n"}, "logger"),
        ("__all__ = list(globals())\n" + LOCAL, {"app/other.py": "from app.mod import *\n"}, "_logger"),
        ("from app.x import *\n" + LOCAL, {"app/x.py": "logger = 1\n"}, "_logger"),
        (LOCAL + "\n\ndef g():\n    return logger\n", {}, "_logger"),
    ],
)
def test_a_new_logger_hides_no_other_modules_name(project, text: str, others: dict[str, str], name: str) -> None:
    project.write({"app/mod.py": text, **others}, '[tool.logshift]\nextend-exclude = ["left"]\n')

    assert f'\n{name} = UniversalFrameworkLogger("mod")\n' in project.after().decode()


def test_a_new_logger_of_a_package_hides_no_module_in_it(project) -> None:
    project.write({"app/__init__.py": LOCAL, "app/logger.py": "", "app/user.py": "from app import logger\n"})

    assert b'\n_logger = UniversalFrameworkLogger("app")\n' in project.after("app/__init__.py")


# -- comparisons across files --------------------------------------------------------------------------------

NAMED = 'import logging\n\nlogger = logging.getLogger("m.x")\n\n\ndef get():\n    return logger\n'


@pytest.mark.parametrize(
    ("other", "is_kept"),
    [
        ("import logging\nimport app.mod as m\nassert m.logger is logging.getLogger('m.x')\n", True),
        ("import logging\nimport app.mod as m\nassert m.logger == logging.getLogger('m.x')\n", True),
        ("import logging\nimport app.mod as m\nassert m.logger in {logging.getLogger('m.x')}\n", True),
        ("import logging\nimport app.mod as m\nassert id(m.logger) == id(logging.getLogger('m.x'))\n", True),
        ("import logging\nfrom app.mod import logger\n\n\ndef t(self):\n    self.assertIs(logger, x)\n", True),
        ("import logging\nfrom app import mod\n\n\ndef t(self):\n    self.assertEqual(mod.logger, x)\n", True),
        ("import logging\nimport app.mod as m\nassert logging.getLogger('m.x.y').parent is m.logger\n", True),
        ("import logging\nimport app.mod as m\nassert logging.root.manager.loggerDict['m.x'] is m.logger\n", True),
        ("import logging\nimport app.mod as m\nassert logging.root.manager.loggerDict['m.x'] is m.get()\n", True),
        ("import logging\nimport app.mod as m\nassert m.get() is logging.getLogger('m.x')\n", True),
        ("import logging\nx = logging.getLogger('m.x')\n\n\ndef t(f):\n    f.assert_called_with(x)\n", True),
        ("import logging\nimport app.mod as m\nassert type(m.logger) is logging.Logger\n", True),
        ("import app.mod as m\nassert m.logger is not None\n", False),
        ("import app.mod as m\nassert m.logger.name == 'm.x'\nassert m.logger.level == m.LEVEL\n", False),
        ("import logging\nimport app.mod as m\nassert logging.getLogger('m.x').level == logging.INFO\n", False),
        ("import logging\nimport app.mod as m\nassert m.get() is logging.getLogger('m.y')\n", False),
    ],
)
def test_a_logger_that_another_file_compares_stays(project, other: str, is_kept: bool) -> None:
    project.write({"app/mod.py": NAMED, "test_x.py": other})

    (outcome,) = project.migrate("app/mod.py").outcomes
    assert [(str(kept.reason), kept.detail) for kept in outcome.kept] == (
        [("compared-by-identity", "test_x.py")] if is_kept else []
    )


def test_a_logger_of_the_module_is_compared_under_the_modules_name(project) -> None:
    project.write(
        {"app/mod.py": LEGACY, "test_x.py": "import logging\nassert f() is logging.getLogger('app.mod')\n"},
    )
    assert project.after().decode() == LEGACY


def test_a_class_attribute_that_another_file_compares_stays(project) -> None:
    text = "import logging\n\n\nclass A:\n    log = logging.getLogger(__name__)\n"
    project.write({"app/mod.py": text, "test_x.py": "from app.mod import A\nassert A.log is given\n"})
    assert project.after().decode() == text


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
        # a logger that is made while its module is imported is there before a patch that comes later
        (AT_IMPORT, "patch('app.mod.logging.getLogger')", False),
        (AT_IMPORT, "@patch('app.mod.logging.getLogger')\ndef t(g): importlib.reload(app.mod)", True),
        (AT_IMPORT, "def t(g):\n  with patch('app.mod.logging.getLogger'):\n    sys.modules.pop('app.mod')", True),
        (AT_IMPORT, "patch('app.mod.logging')", False),
        (AT_IMPORT, "import app.mod\n@patch('logging.getLogger')\ndef t(g): ...", False),
        (AT_IMPORT, "from app.mod import x\ndef t():\n  with patch('logging.getLogger'): ...", False),
        (AT_IMPORT, "import app.user\n@patch('logging.getLogger')\n@patch('app.mod.logger')\ndef t(g): ...", False),
        (AT_IMPORT, "@patch('logging.getLogger')\n@patch('app.mod.logger')\ndef t(g): ...", True),
        (AT_IMPORT, "@patch('logging.getLogger')\ndef t(g):\n  import app.mod", True),
        (AT_IMPORT, "import app.mod\n@patch('logging.getLogger')\ndef t(g): reload(app.mod)", True),
        (AT_IMPORT, "patch('logging.getLogger').start()\nimport app.mod", True),
        (AT_IMPORT, "import logging\nlogging.getLogger = fake\nimport app.mod", True),
        (IMPORTED, "patch('app.mod.get_logger')", False),
        (IMPORTED, "patch('app.mod.get_logger')\nimportlib.reload(app.mod)", True),
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
    others = {"app/user.py": "import app.mod\n", "tests/t.py": f"from unittest.mock import *\n{test}\n"}
    project.write({"app/mod.py": module, **others})

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


def test_a_logger_that_another_file_compares_is_not_made_unsafe_by_a_patch(project) -> None:
    patching = (
        "from mock import patch\nfrom app import mod\npatch('app.mod.logging.getLogger')\nreload(mod)\n"
        "assert mod.logger is x\n"
    )
    project.write({"app/mod.py": AT_IMPORT, "tests/t.py": patching})

    (outcome,) = migrate(project.check("app/mod.py"), unsafe_fixes=True).outcomes
    assert outcome.after is None
    assert [(str(one.reason), one.detail) for one in outcome.kept] == [("compared-by-identity", "tests/t.py")]


def test_a_factory_that_a_file_fetches_from_the_module_stays_there(project) -> None:
    text = "from structlog import get_logger as make\n\nlogger = make()\nlogger.info('x')\n"
    project.write({"app/mod.py": text, "tests/t.py": "import app.mod\napp.mod.make().info('x')\n"})

    assert project.after().startswith(b"from structlog import get_logger as make\n")


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


# -- import cycles ---------------------------------------------------------------------------------------------

CYCLIC = """\
import json
import zlib

{imports}


def f():
    log = structlog.get_logger("f")
    log.info("x")
"""


@pytest.mark.parametrize(
    ("imports", "others", "is_cycle"),
    [
        ("import structlog\n\nfrom app import b", {"app/b.py": "from app import mod\nmod.f()\n"}, True),
        ("import structlog\n\nimport app.b", {"app/b.py": "import app.c\n", "app/c.py": "from .mod import f\n"}, True),
        ("import structlog\n\nfrom .b import x", {"app/b.py": "from . import mod\nx = mod.f()\n"}, True),
        (
            "import structlog\n\nfrom .b import x",
            {"app/b.py": "x = 1\n\n\ndef g():\n    from app import mod\n"},
            False,
        ),
        ("import structlog\n\nfrom app import b", {"app/b.py": "import app.c\n", "app/c.py": "mod = 1\n"}, False),
        ("import structlog", {"app/b.py": "from app import mod\nmod.f()\n"}, False),
    ],
)
def test_in_an_import_cycle_a_functions_logger_needs_nothing_bound_below_the_cycles_import(
    project, imports: str, others: dict[str, str], is_cycle: bool
) -> None:
    project.write({"app/mod.py": CYCLIC.format(imports=imports), **others})

    (outcome,) = project.migrate("app/mod.py").outcomes
    assert outcome.failed is None
    after = project.after().decode()
    assert ('log = UniversalFrameworkLogger("mod")\n    log.info("x", channel="f")' in after) == is_cycle
    assert ('    logger.info("x", channel="f")' in after) != is_cycle


def test_in_an_import_cycle_the_target_is_imported_above_the_cycles_import(project) -> None:
    text = "from app import b\n\n\ndef f():\n    import structlog\n\n    structlog.get_logger().info('x')\n"
    project.write(
        {
            "app/mod.py": text,
            "app/b.py": "from app import mod\nmod.f()\n",
            "universal_framework/__init__.py": "",
        }
    )

    after = project.after().decode()
    assert after.startswith(f"from {HOUSE} import UniversalFrameworkLogger\nfrom app import b\n")
    assert "    UniversalFrameworkLogger(\"mod\").info('x')\n" in after


def test_in_an_import_cycle_the_modules_own_loggers_still_become_one(project) -> None:
    text = "import structlog\n\nfrom app import b\n\nlogger = structlog.get_logger()\naudit = structlog.get_logger('a')\naudit.info('x')\n"
    project.write({"app/mod.py": text, "app/b.py": "from app import mod\n"})

    assert "logger.info('x', channel=\"a\")" in project.after().decode()


# -- functions that hand out loggers ---------------------------------------------------------------------------

SETTING_UP = """\
import logging

seen = []


def get_logger(name):
    made = logging.getLogger(name)
    if made not in seen:
        made.parent = logging.getLogger("app")
        seen.append(made)
    return made
"""
MOVED = 'logger = UniversalFrameworkLogger("user", name=get_logger(__name__).name)\n'


@pytest.mark.parametrize(
    ("wrapper", "imported", "is_found"),
    [
        (SETTING_UP, "from app.mod import get_logger", True),
        (SETTING_UP, "from app.mod import *", True),
        (SETTING_UP, "from .mod import get_logger", True),
        (SETTING_UP, "from app import get_logger", True),  # which hands it on
        (
            SETTING_UP.replace("return made", "return made if seen else made.getChild('x')"),
            "from app.mod import get_logger",
            True,
        ),
        (
            SETTING_UP.replace("return made", "return same(1, made)\n\n\ndef same(a, b):\n    return b"),
            "from app.mod import get_logger",
            True,
        ),
        (SETTING_UP.replace("def ", "@functools.lru_cache\ndef ", 1), "from app.mod import get_logger", True),
        # what is handed out moves itself
        (SETTING_UP.replace("made not in seen", "seen"), "from app.mod import get_logger", False),
        # something else may come back
        (SETTING_UP.replace("return made", "return made if seen else None"), "from app.mod import get_logger", False),
        (SETTING_UP.replace("return made", "return Adapter(made)"), "from app.mod import get_logger", False),
        (SETTING_UP.replace("return made", "return name"), "from app.mod import get_logger", False),
        (SETTING_UP.replace("return made", "yield made"), "from app.mod import get_logger", False),
        (SETTING_UP.replace("def ", "@adapted\ndef ", 1), "from app.mod import get_logger", False),
        (SETTING_UP.replace("def ", "async def ", 1), "from app.mod import get_logger", False),
        (SETTING_UP + "\n\nget_logger = other\n", "from app.mod import get_logger", False),
        (
            SETTING_UP.replace("return made", "return same(1, name)\n\n\ndef same(a, b):\n    return b"),
            "from app.mod import get_logger",
            False,
        ),
        (SETTING_UP.replace("return made", "return [made, same][0]"), "from app.mod import get_logger", False),
        (SETTING_UP, "from app.other import get_logger", False),
        (SETTING_UP, "from .other.mod import get_logger", False),
        (SETTING_UP, "def get_logger(name): ...", False),
    ],
)
def test_a_logger_that_a_function_of_the_project_hands_out_moves_by_the_name_it_has(
    project, wrapper: str, imported: str, is_found: bool
) -> None:
    user = f"{imported}\n\nlogger = get_logger(__name__)\nlogger.info('x')\n"
    project.write({"app/__init__.py": "from .mod import get_logger\n", "app/mod.py": wrapper, "app/user.py": user})

    after = project.after("app/user.py").decode()
    assert (MOVED in after) == is_found
    assert (after == user) != is_found


def test_a_function_that_hands_out_loggers_is_called_on_where_it_stands(project) -> None:
    text = f'{SETTING_UP}\n\naudit = get_logger("audit")\naudit.info("x")\n'
    project.write({"app/mod.py": text})

    after = project.after().decode()
    assert 'audit = UniversalFrameworkLogger("mod", name=get_logger("audit").name)' in after
    assert "    made = logging.getLogger(name)\n" in after, "what is compared stays"


def test_functions_that_hand_out_each_others_loggers_come_to_an_end(project) -> None:
    one = "from app.two import log_two\n\n\ndef log_one(name):\n    return log_two(name)\n"
    two = "import logging\nfrom app.one import log_one\n\n\ndef log_two(name):\n    return log_one(name)\n"
    project.write(
        {"app/one.py": one, "app/two.py": two, "app/mod.py": "from app.one import log_one\nlog_one(1).info(2)\n"}
    )

    assert project.migrate().moved == 0


@pytest.mark.parametrize(
    ("body", "is_compared"),
    [
        ("return given is log", True),
        ("return inner(1, b=given)\n\n\ndef inner(a, b):\n    return b == a", True),
        ("return inner(given, 1)\n\n\ndef inner(a, b):\n    return b == a", True),
        ("return inner(given, 1)\n\n\ndef inner(a, b):\n    return b == 1", False),
        ("return given is None", False),
        ("return log is other", False),
    ],
)
def test_a_logger_given_to_a_function_that_compares_it_stays(project, body: str, is_compared: bool) -> None:
    text = f"import logging\n\naudit = logging.getLogger(__name__)\n\n\ndef f(given):\n    {body}\n\n\nf(audit)\n"
    project.write({"app/mod.py": text})

    assert (project.after().decode() == text) == is_compared


# -- the text of a module ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("test", "is_read"),
    [
        ("from app import mod\nassert sha256sum(mod.__file__) == '4f59'", True),
        ("import app.mod\nassert util.file_hash(app.mod.__file__) == '4f59'", True),
        ("import app.mod as m\nopen(m.__file__).read()", True),
        ("import app.mod as m\nPath(m.__file__).read_bytes()", True),
        ("import app.mod as m\nPath(m.__file__).resolve().open()", True),
        ("import app.mod as m\nhashlib.md5(os.path.abspath(m.__file__))", True),
        ("import app.mod as m\nassert 'x' in inspect.getsource(m)", True),
        # the path alone, the folder, another module, a part of it
        ("import app.mod as m\nprint(m.__file__)", False),
        ("import app.mod as m\nopen(os.path.join(os.path.dirname(m.__file__), 'data.json'))", False),
        ("import app.mod as m\nPath(m.__file__).parent.joinpath('data.json').read_text()", False),
        ("import app.mod as m\nPath(m.__file__).with_suffix('.json').read_text()", False),
        ("import app.mod as m\nassert os.path.exists(m.__file__)", False),
        ("import app.mod as m\nassert m.__file__ == 'x'", False),
        ("import app.mod as m\ninspect.getsource(m.f)", False),
        ("import app.mod\nimport app.other\nsha256sum(app.other.__file__)", False),
        ("import app.mod\nsha256sum(__file__)", False),
    ],
)
def test_a_module_whose_text_a_test_reads_changes_only_where_that_is_asked_for(
    project, test: str, is_read: bool
) -> None:
    project.write({"app/mod.py": AT_IMPORT, "app/other.py": "", "tests/t.py": f"{test}\n"})

    (outcome,) = project.migrate("app/mod.py").outcomes
    told = [(str(one.reason), one.detail) for one in outcome.kept]
    assert told == [("source-read", "the source of its module is read in tests/t.py")] * is_read
    assert (outcome.after is None) == is_read
    (outcome,) = migrate(project.check("app/mod.py"), unsafe_fixes=True).outcomes
    assert outcome.after is not None


RETURNED = "import logging\n\n\nclass Mixin:\n    def get_logger(self):\n        return logging.getLogger(self.kind)\n"
FETCHED = (
    "import logging\n\n\nclass Mixin:\n    def __init__(self, kind):\n        self.log = logging.getLogger(kind)\n"
)


@pytest.mark.parametrize(
    ("module", "test", "is_compared"),
    [
        (RETURNED, "assert Mixin().get_logger() is logging.getLogger('Mixin')", True),
        (RETURNED, "made = Mixin().get_logger()\nassert logging.getLogger('Mixin') == made", True),
        (RETURNED, "expected = logging.getLogger('Mixin')\ncase.assertIs(Mixin().get_logger(), expected)", True),
        (
            RETURNED.replace("return ", "made = ") + "        return made\n",
            "assert x.get_logger() is logging.getLogger('x')",
            True,
        ),
        (FETCHED, "assert Mixin('x').log is logging.getLogger('x')", True),
        (
            FETCHED.replace("self.log =", "log =") + "        self.kept = log\n",
            "made = logging.getLogger('x')\ncase.assertIs(Mixin('x').kept, made)",
            True,
        ),
        # another function, no logger on the other side, no comparison
        (RETURNED, "assert Mixin().get_level() is logging.getLogger('Mixin')", False),
        (RETURNED, "assert Mixin().get_logger() is not None", False),
        (RETURNED, "assert Mixin().get_logger().name == logging.getLogger('Mixin').name", False),
        (RETURNED, "assert logging.getLogger('Mixin') is logging.getLogger('Mixin')", False),
        (RETURNED.replace("return ", ""), "assert x.get_logger() is logging.getLogger('x')", False),
        (RETURNED.replace("self.kind", "'kind'"), "assert x.get_logger() is logging.getLogger('other')", False),
        (FETCHED, "assert Mixin('x').logger is logging.getLogger('x')", False),
    ],
)
def test_a_logger_of_unknown_name_that_a_test_compares_with_a_logger_stays(
    project, module: str, test: str, is_compared: bool
) -> None:
    project.write({"app/mod.py": module, "tests/t.py": f"import logging\nfrom app.mod import Mixin\n{test}\n"})

    (outcome,) = project.migrate("app/mod.py").outcomes
    assert [(str(one.reason), one.detail) for one in outcome.kept] == [
        ("compared-by-identity", "tests/t.py")
    ] * is_compared
    assert (outcome.after is None) == is_compared
