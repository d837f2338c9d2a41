"""Names and values in pairs, as HTTP libraries hold headers."""

from __future__ import annotations

from typing import Any

from universal_framework.observability._lines import LineHandler
from universal_framework.observability._render import JsonLines

SECRET = "hunter2-and-more"


class Lines(list[bytes]):
    write = list.append

    def flush(self, timeout: float | None = None) -> bool:
        return timeout is None

    def close(self) -> None: ...


def test_a_record_shows_no_value_of_a_pair_with_a_sensitive_name(tree: Any) -> None:
    tree.logger().info("x", headers=[("Authorization", SECRET)])
    assert SECRET not in str(vars(tree.record))


def test_a_line_shows_no_value_of_a_pair_with_a_sensitive_name(tree: Any) -> None:
    lines = Lines()
    tree.top.addHandler(LineHandler(JsonLines(), lines))
    tree.logger().info("x", headers=[("Authorization", SECRET)])
    assert lines
    assert SECRET not in str(lines)
