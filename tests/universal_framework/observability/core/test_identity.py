"""A logger is a view: it owns a component and bound fields; all else lives on a node of the logging tree."""

# ruff: noqa: ARG005 - handlers, filters and hooks have the signatures that stdlib gives them

from __future__ import annotations

import copy
import logging
import pickle
import sys
from unittest import TestCase, mock

from universal_framework.observability.unified_logger import UniversalFrameworkLogger

raises = TestCase().assertRaises
raises_saying = TestCase().assertRaisesRegex


def _variants(tree) -> list[UniversalFrameworkLogger]:
    plain = tree.logger("billing")
    return [
        plain,
        tree.logger("billing", name="app.other"),
        tree.logger("orders"),
        tree.logger("billing", via="stdlib"),
        plain.bind(user="ann"),
        plain.bind(user="bob"),
    ]


# -- what it is -------------------------------------------------------------------------------------------


def test_it_is_a_logging_logger(tree) -> None:
    assert isinstance(tree.logger(), logging.Logger)
    assert isinstance(tree.logger().bind(a=1), logging.Logger)


def test_its_component_is_what_it_was_made_with(tree) -> None:
    assert tree.logger("billing").component == "billing"
    assert tree.logger("billing").bind(component="other").component == "billing"


def test_wrong_arguments_are_refused_with_what_is_wrong_about_them() -> None:
    for arguments, keywords, error, text in [
        ((), {}, TypeError, "component"),
        ((None,), {}, TypeError, "component must be a string .* not NoneType"),
        ((logging.getLogger(),), {}, TypeError, "component must be a string .* not RootLogger"),
        ((b"billing",), {}, TypeError, "not bytes"),
        (("",), {}, ValueError, "component must not be empty"),
        (("billing",), {"name": 3}, TypeError, "name must be a dotted logger name, not int"),
        (("billing",), {"via": "tree"}, ValueError, "via must be 'stdlib', 'structlog' or None, not 'tree'"),
        (("billing",), {"via": ["stdlib"]}, ValueError, "via must be"),
        (("billing", "app.module"), {}, TypeError, "positional"),
    ]:
        with raises_saying(error, text):
            UniversalFrameworkLogger(*arguments, **keywords)


def test_loggers_are_equal_when_all_that_they_own_is(tree) -> None:
    for first, one in enumerate(_variants(tree)):
        for second, other in enumerate(_variants(tree)):
            assert (one == other) is (first == second)
            assert (one != other) is (first != second)


def test_equal_loggers_have_one_hash(tree) -> None:
    for one, other in zip(_variants(tree), _variants(tree), strict=True):
        assert hash(one) == hash(other)
        assert len({one, other}) == 1
    assert len(set(_variants(tree))) == len(_variants(tree))


def test_fields_need_not_be_hashable(tree) -> None:
    logger = tree.logger().bind(basket=["apples", {"pears"}])
    assert len({logger, logger.bind()}) == 1
    assert hash(logger) == hash(tree.logger())


def test_it_is_not_equal_to_its_node_or_to_anything_else(tree) -> None:
    logger = tree.logger()
    for other in (tree.node, "billing", None, logging.LoggerAdapter(logger, {})):
        assert logger != other
        assert other != logger
    assert logger == mock.ANY  # whoever else has something to say about it is asked


def test_its_repr_names_component_node_level_and_fields(tree) -> None:
    assert repr(tree.logger()) == "<UniversalFrameworkLogger billing on app.module (DEBUG)>"
    tree.node.setLevel("ERROR")
    assert (
        repr(tree.logger().bind(user="ann"))
        == "<UniversalFrameworkLogger billing on app.module (ERROR) {'user': 'ann'}>"
    )


def test_pickling_brings_back_an_equal_logger(tree) -> None:
    for logger in _variants(tree):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            again = pickle.loads(pickle.dumps(logger, protocol))
            assert again == logger
            assert type(again) is type(logger)
            assert again._context == logger._context


def test_an_unpickled_logger_reports_with_its_fields(tree) -> None:
    pickle.loads(pickle.dumps(tree.logger().bind(user="ann"))).info("paid")
    assert (tree.record.user, tree.record.component) == ("ann", "billing")


def test_pickling_does_not_need_the_node(tree) -> None:
    data = pickle.dumps(tree.logger(name="app.never_used"))
    assert "app.never_used" not in logging.Logger.manager.loggerDict
    assert pickle.loads(data).name == "app.never_used"


def test_a_copy_is_the_logger_itself(tree) -> None:
    logger = tree.logger().bind(basket=[1])
    assert copy.copy(logger) is logger
    assert copy.deepcopy(logger) is logger
    assert copy.deepcopy({"logger": logger})["logger"] is logger


def test_a_subclass_stays_one_through_bind_child_and_pickle(tree) -> None:
    child = _Subclass("billing", name=tree.name).bind(a=1).getChild("x")
    assert isinstance(child, _Subclass)
    assert isinstance(pickle.loads(pickle.dumps(child)), _Subclass)


class _Subclass(UniversalFrameworkLogger):
    pass


def test_its_module_keeps_its_name_in_tracebacks_and_pickles() -> None:
    module = "universal_framework.observability.unified_logger"
    assert UniversalFrameworkLogger.__module__ == module
    assert {method.__module__ for method in vars(UniversalFrameworkLogger).values() if callable(method)} == {module}


# -- fixed, but patchable ---------------------------------------------------------------------------------


def test_what_makes_it_the_logger_it_is_cannot_be_changed(tree) -> None:
    logger = tree.logger()
    for name in ("component", "_component", "_node_name", "_via", "_fields"):
        with raises_saying(AttributeError, f"{name} is fixed: .* bind"):
            setattr(logger, name, "other")
        with raises_saying(AttributeError, f"{name} is fixed"):
            delattr(logger, name)
    assert logger == tree.logger()


def test_bound_fields_cannot_be_changed_from_outside(tree) -> None:
    given = {"user": "ann"}
    logger = tree.logger().bind(**given)
    given["user"] = "bob"
    logger._context["user"] = "eve"
    assert logger._context == {"user": "ann"}
    with raises(TypeError):
        logger._fields["user"] = "eve"


def test_a_method_can_be_patched_and_is_restored(tree) -> None:
    logger = tree.logger()
    with mock.patch.object(logger, "info") as info:
        logger.info("patched %s", 1, user="ann")
    info.assert_called_once_with("patched %s", 1, user="ann")
    logger.info("restored")
    assert tree.messages == ["restored"]
    assert "info" not in vars(logger)


def test_a_method_can_be_patched_by_its_dotted_path(tree) -> None:
    module = sys.modules[__name__]
    module.log_of_this_module = tree.logger()
    try:
        with mock.patch(f"{__name__}.log_of_this_module.warning") as warning:
            module.log_of_this_module.warning("patched")
        warning.assert_called_once_with("patched")
        module.log_of_this_module.warning("restored")
    finally:
        del module.log_of_this_module
    assert tree.messages == ["restored"]


def test_the_async_methods_are_patched_by_async_mocks(tree) -> None:
    with mock.patch.object(tree.logger(), "ainfo") as ainfo:
        assert isinstance(ainfo, mock.AsyncMock)


def test_patching_what_lives_on_the_node_is_undone_there(tree) -> None:
    logger, handler = tree.logger(), logging.NullHandler()
    logger.setLevel("INFO")
    for name, value in {
        "level": logging.ERROR,
        "handlers": [handler],
        "filters": [lambda record: False],
        "propagate": False,
        "disabled": True,
        "parent": logging.getLogger("elsewhere"),
        "name": "app.renamed",
    }.items():
        before = getattr(tree.node, name)
        with mock.patch.object(logger, name, value):
            assert getattr(tree.node, name) is value
        assert getattr(tree.node, name) is before
        assert name not in vars(logger)


def test_a_mock_made_after_it_knows_its_methods(tree) -> None:
    stand_in = mock.create_autospec(tree.logger(), instance=True)
    stand_in.bind(user="ann")
    stand_in.info("x", user="ann")
    with raises(AttributeError):
        stand_in.inof("x")


# -- whose node -------------------------------------------------------------------------------------------


def test_the_callers_module_is_the_default_name() -> None:
    assert UniversalFrameworkLogger("billing").name == __name__


def test_the_default_name_is_that_of_the_module_whose_code_runs() -> None:
    for namespace, name in [
        ({"__name__": "shop.orders"}, "shop.orders"),
        ({"__name__": "__main__"}, "__main__"),
        ({}, "billing"),  # exec'd code that says nothing of its module speaks for its component
        ({"__name__": ""}, "billing"),
        ({"__name__": None}, "billing"),
    ]:
        exec("def make(cls):\n    return cls('billing')", namespace)
        assert namespace["make"](UniversalFrameworkLogger).name == name


def test_a_wrapper_passes_the_name_on(tree) -> None:
    def get_logger(component: str, name: str) -> UniversalFrameworkLogger:
        return UniversalFrameworkLogger(component, name=name)

    assert get_logger("billing", "app.orders").name == "app.orders"


def test_a_plain_node_that_exists_is_used(tree) -> None:
    node = logging.getLogger("app.existing")
    node.setLevel(logging.ERROR)
    assert tree.logger(name="app.existing").parent is node.parent
    assert tree.logger(name="app.existing").level == logging.ERROR
    assert logging.getLogger("app.existing") is node


def test_a_place_in_the_tree_that_has_no_node_yet_is_filled(tree) -> None:
    below = logging.getLogger("app.package.module")
    assert isinstance(logging.Logger.manager.loggerDict["app.package"], logging.PlaceHolder)
    logger = tree.logger(name="app.package")
    logger.setLevel(logging.ERROR)
    assert below.getEffectiveLevel() == logging.ERROR
    assert type(logging.Logger.manager.loggerDict["app.package"]) is logging.Logger


def test_the_node_is_made_when_it_is_needed_and_not_before(tree) -> None:
    # dictConfig disables the nodes that it finds; one that nobody has used yet is not there to be found.
    logger = tree.logger(name="app.late")
    assert "app.late" not in logging.Logger.manager.loggerDict
    logger.info("x")
    assert "app.late" in logging.Logger.manager.loggerDict


def test_a_node_that_was_replaced_is_the_one_that_counts(tree) -> None:
    logger = tree.logger()
    logger.setLevel(logging.ERROR)
    other = logging.Logger("app.module", logging.DEBUG)  # noqa: LOG001 - what some test suites do
    other.parent = tree.top
    logging.Logger.manager.loggerDict["app.module"] = other
    assert logger.level == logging.DEBUG
    logger.info("through the new one")
    assert tree.messages == ["through the new one"]


def test_root_and_the_empty_name_are_the_root_node(tree) -> None:
    root = logging.getLogger()
    for name in ("root", ""):
        logger = UniversalFrameworkLogger("billing", name=name)
        assert logger.name == "root"
        assert logger.parent is None
        with mock.patch.object(root, "level", logging.CRITICAL):
            assert logger.getEffectiveLevel() == logging.CRITICAL
    assert UniversalFrameworkLogger("billing", name="") == UniversalFrameworkLogger("billing", name="root")


def test_a_package_that_is_called_root_does_not_hide_the_root_node(tree) -> None:
    logging.getLogger("root.module")  # leaves a placeholder of that name
    assert UniversalFrameworkLogger("billing", name="root").handlers is logging.getLogger().handlers


def test_two_components_of_one_module_share_the_node_and_not_the_fields(tree) -> None:
    first, second = tree.logger("billing").bind(user="ann"), tree.logger("refunds")
    second.setLevel(logging.ERROR)
    assert first.level == logging.ERROR
    first.error("one")
    second.error("two")
    one, two = tree.records
    assert (one.component, one.user) == ("billing", "ann")
    assert two.component == "refunds"
    assert not hasattr(two, "user")


# -- reading and writing through ----------------------------------------------------------------------------


def test_what_lives_on_the_node_reads_through(tree) -> None:
    logger, node = tree.logger(), tree.node
    for name in ("name", "level", "handlers", "filters", "parent", "propagate", "disabled", "manager", "root"):
        assert getattr(logger, name) is getattr(node, name)


def test_what_lives_on_the_node_writes_through(tree) -> None:
    logger, node = tree.logger(), tree.node
    for name, value in {
        "name": "app.renamed",
        "level": 37,
        "handlers": [logging.NullHandler()],
        "filters": [lambda record: True],
        "parent": logging.getLogger("elsewhere"),
        "propagate": False,
        "disabled": True,
    }.items():
        setattr(logger, name, value)
        assert getattr(node, name) is value


def test_the_methods_that_configure_act_on_the_node(tree) -> None:
    logger, node, handler = tree.logger(), tree.node, logging.NullHandler()
    logger.setLevel("WARNING")
    logger.addHandler(handler)
    logger.addFilter(_keep_all)
    assert (node.level, node.handlers, node.filters) == (logging.WARNING, [handler], [_keep_all])
    assert logger.hasHandlers()
    logger.removeHandler(handler)
    logger.removeFilter(_keep_all)
    assert (node.handlers, node.filters) == ([], [])
    node.propagate = False
    assert not logger.hasHandlers()


def _keep_all(record: logging.LogRecord) -> bool:
    return True


def test_the_level_is_inherited_from_above(tree) -> None:
    tree.top.setLevel(logging.ERROR)
    assert tree.logger().getEffectiveLevel() == logging.ERROR
    assert tree.logger().get_effective_level() == logging.ERROR
    assert not tree.logger().isEnabledFor(logging.WARNING)
    assert not tree.logger().is_enabled_for(logging.WARNING)
    assert tree.logger().isEnabledFor(logging.ERROR)


def test_what_the_node_has_beyond_stdlib_reads_through(tree) -> None:
    tree.node.tenant = "acme"
    assert tree.logger().tenant == "acme"
    with raises_saying(AttributeError, "'Logger' object has no attribute 'landlord'"):
        _ = tree.logger().landlord


def test_a_look_for_special_methods_makes_no_node(tree) -> None:
    # inspect, doctest, mock and pytest ask every object of a module for some
    logger = tree.logger(name="app.looked_at")
    for name in ("__wrapped__", "__test__", "__iter__", "__fspath__"):
        assert not hasattr(logger, name)
    assert "app.looked_at" not in logging.Logger.manager.loggerDict


def test_an_instance_that_is_not_made_yet_has_nothing() -> None:
    empty = UniversalFrameworkLogger.__new__(UniversalFrameworkLogger)
    with raises_saying(AttributeError, "tenant"):
        _ = empty.tenant


def test_as_a_class_of_nodes_it_is_refused_with_what_to_do_instead(tree) -> None:
    for cls in (UniversalFrameworkLogger, _Subclass):
        logging.setLoggerClass(cls)
        with raises_saying(AttributeError, "give logging.setLoggerClass.. a subclass of logging.Logger"):
            logging.getLogger("app.new")
        assert "app.new" not in logging.Logger.manager.loggerDict


# -- bound fields -------------------------------------------------------------------------------------------


def test_bind_adds_and_replaces(tree) -> None:
    logger = tree.logger().bind(user="ann", page=1).bind(page=2)
    assert logger._context == {"user": "ann", "page": 2}


def test_bind_leaves_the_logger_it_is_called_on_alone(tree) -> None:
    logger = tree.logger()
    logger.bind(user="ann")
    assert logger._context == {}
    logger.info("x")
    assert not hasattr(tree.record, "user")


def test_new_forgets_what_was_bound(tree) -> None:
    assert tree.logger().bind(user="ann").new(page=2)._context == {"page": 2}
    assert tree.logger().bind(user="ann").new() == tree.logger()


def test_unbind_removes_and_insists(tree) -> None:
    logger = tree.logger().bind(user="ann", page=1, item=7)
    assert logger.unbind("user", "item")._context == {"page": 1}
    with raises_saying(KeyError, "size"):
        logger.unbind("user", "size")
    assert logger._context == {"user": "ann", "page": 1, "item": 7}


def test_try_unbind_removes_what_there_is(tree) -> None:
    logger = tree.logger().bind(user="ann", page=1)
    assert logger.try_unbind("user", "size")._context == {"page": 1}
    assert logger.try_unbind() == logger


def test_any_name_can_be_bound(tree) -> None:
    names = ("self", "component", "name", "via", "fields", "keys", "msg", "event", "level", "cls")
    logger = tree.logger().bind(**{name: f"<{name}>" for name in names})
    assert logger._context == {name: f"<{name}>" for name in names}
    assert tree.logger().new(self=1, cls=2)._context == {"self": 1, "cls": 2}


def test_a_bound_logger_keeps_component_node_and_way(tree) -> None:
    logger = tree.logger("billing", via="stdlib").bind(a=1).unbind("a").new().try_unbind("b")
    assert logger == tree.logger("billing", via="stdlib")


# -- children -----------------------------------------------------------------------------------------------


def test_a_child_is_the_same_logger_one_node_further_down(tree) -> None:
    child = tree.logger("billing", via="stdlib").bind(user="ann").getChild("part.detail")
    assert child == UniversalFrameworkLogger("billing", name="app.module.part.detail", via="stdlib").bind(user="ann")
    child.info("x")
    assert (tree.record.name, tree.record.user) == ("app.module.part.detail", "ann")


def test_a_child_of_the_root_has_no_prefix() -> None:
    assert UniversalFrameworkLogger("billing", name="root").getChild("app.new").name == "app.new"


def test_children_are_the_nodes_directly_below(tree) -> None:
    logger = tree.logger().bind(user="ann")
    for name in ("app.module.a", "app.module.b", "app.module.b.deeper", "app.module.no_node.deeper", "app.modules"):
        logging.getLogger(name)
    assert logger.getChildren() == {logger.getChild("a"), logger.getChild("b")}
    assert tree.logger(name="app.module.a").getChildren() == set()


def test_children_of_the_root_are_the_packages(tree) -> None:
    root = UniversalFrameworkLogger("billing", name="root")
    logging.getLogger("app.module")
    assert root.getChild("app") in root.getChildren()
    assert root.getChild("app.module") not in root.getChildren()
