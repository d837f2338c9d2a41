"""Edits on LibCST nodes: what keeps layout and comments where only a part of an expression or line changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import libcst as cst

from logshift.plan.edits import AddAlias, Construct, Delete, DropAlias, Edit, Keyword, Replace

Alias = cst.ImportAlias


class EditTransformer(cst.CSTTransformer):
    """Carries out edits at the byte places (start, length) that they name."""

    def __init__(self, places: Mapping[cst.CSTNode, Any], edits: dict[tuple[int, int], list[Edit]]) -> None:
        super().__init__()
        self.places = places
        self.edits = edits
        self.done: set[Edit] = set()

    def missed(self) -> list[Edit]:
        """Return the edits whose place was not found."""
        return [edit for found in self.edits.values() for edit in found if edit not in self.done]

    def on_leave(self, original_node: cst.CSTNode, updated_node: Any) -> Any:
        updated_node = super().on_leave(original_node, updated_node)
        place = self.places.get(original_node)
        if place is None:
            return updated_node
        for edit in self.edits.get((place.start, place.length), ()):
            if edit not in self.done and _fits(edit, original_node):
                self.done.add(edit)
                updated_node = _carry_out(edit, updated_node)
        return updated_node

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine:
        """Keep the line even when all that stood on it is gone; the caller looks at what is left."""
        if updated_node.body and len(updated_node.body) < len(original_node.body):
            last = updated_node.body[-1].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
            return updated_node.with_changes(body=[*updated_node.body[:-1], last])
        return updated_node


def _fits(edit: Edit, node: cst.CSTNode) -> bool:
    if isinstance(edit, (Construct, Keyword)):
        return isinstance(node, cst.Call)
    if isinstance(edit, Replace):
        return isinstance(node, cst.BaseExpression)
    if isinstance(edit, Delete):
        return isinstance(node, cst.BaseSmallStatement)
    return isinstance(node, (cst.Import, cst.ImportFrom))


def _carry_out(edit: Edit, node: Any) -> Any:
    if isinstance(edit, Delete):
        return cst.RemoveFromParent()
    if isinstance(edit, Replace):
        return cst.parse_expression(edit.text).with_changes(lpar=node.lpar, rpar=node.rpar)
    if isinstance(edit, Keyword):
        return add_keyword(node, edit.name, edit.value)
    if isinstance(edit, Construct):
        return construct(node, edit)
    if isinstance(edit, DropAlias):
        return drop_aliases(node, edit.aliases)
    assert isinstance(edit, AddAlias)
    return add_alias(node, edit.name)


def add_keyword(call: cst.Call, name: str, value: str) -> cst.Call:
    """Return `call` with a keyword argument at the end, laid out as the arguments before it."""
    keyword = cst.Arg(
        keyword=cst.Name(name),
        value=cst.parse_expression(value),
        equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
    )
    if not call.args:
        return call.with_changes(args=[keyword])
    last = call.args[-1]
    if isinstance(last.value, cst.GeneratorExp) and not last.value.lpar:  # the call's parentheses were its own
        last = last.with_changes(value=last.value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()]))
    between = cst.Comma(whitespace_after=_gap(call))
    before = last.with_changes(comma=between, whitespace_after_arg=cst.SimpleWhitespace(""))
    keyword = keyword.with_changes(comma=last.comma, whitespace_after_arg=last.whitespace_after_arg)
    if isinstance(last.comma, cst.Comma) and _has_comment(last.comma.whitespace_after):
        # The comment belongs to the argument it stands behind.
        before = last.with_changes(comma=_reindented(last.comma, call))
        keyword = keyword.with_changes(comma=cst.Comma(whitespace_after=_closing(last.comma)))
    return call.with_changes(args=[*call.args[:-1], before, keyword])


def _gap(call: cst.Call) -> Any:
    """Return the whitespace that parts two arguments of this call: a line of its own where the others have one."""
    if len(call.args) > 1 and isinstance(call.args[0].comma, cst.Comma):
        found = call.args[0].comma.whitespace_after
        if not _has_comment(found):
            return found
    before = call.whitespace_before_args
    if isinstance(before, cst.ParenthesizedWhitespace):
        return before.with_changes(first_line=cst.TrailingWhitespace(), empty_lines=[])
    return cst.SimpleWhitespace(" ")


def _has_comment(whitespace: Any) -> bool:
    return isinstance(whitespace, cst.ParenthesizedWhitespace) and (
        whitespace.first_line.comment is not None or any(line.comment for line in whitespace.empty_lines)
    )


def _reindented(comma: cst.Comma, call: cst.Call) -> cst.Comma:
    gap = _gap(call)
    if not isinstance(gap, cst.ParenthesizedWhitespace):
        return comma
    after = cst.ensure_type(comma.whitespace_after, cst.ParenthesizedWhitespace)
    return comma.with_changes(whitespace_after=after.with_changes(indent=gap.indent, last_line=gap.last_line))


def _closing(comma: cst.Comma) -> cst.ParenthesizedWhitespace:
    after = cst.ensure_type(comma.whitespace_after, cst.ParenthesizedWhitespace)
    return after.with_changes(first_line=cst.TrailingWhitespace(), empty_lines=[])


def construct(call: cst.Call, edit: Construct) -> cst.BaseExpression:
    """Return the target's constructor call in the layout of the factory call it replaces."""
    arguments = [
        cst.Arg(
            keyword=cst.Name(key) if key is not None else None,
            value=cst.parse_expression(value),
            equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
            if key is not None
            else cst.MaybeSentinel.DEFAULT,
        )
        for key, value in edit.arguments
    ]
    if call.args:
        last = call.args[-1]
        arguments[-1] = arguments[-1].with_changes(comma=last.comma, whitespace_after_arg=last.whitespace_after_arg)
    made = call.with_changes(func=cst.parse_expression(edit.callee), args=arguments, lpar=[], rpar=[])
    if edit.suffix:
        held = cst.parse_expression(f"_{edit.suffix}")
        assert isinstance(held, cst.Call) and isinstance(held.func, cst.Attribute)
        return held.with_changes(func=held.func.with_changes(value=made), lpar=call.lpar, rpar=call.rpar)
    return made.with_changes(lpar=call.lpar, rpar=call.rpar)


def drop_aliases(node: Any, dropped: Sequence[int]) -> Any:
    """Return an import statement without the names at the places `dropped`."""
    names: Sequence[Alias] = node.names
    left = [alias for index, alias in enumerate(names) if index not in dropped]
    if len(names) - 1 in dropped:
        left[-1] = left[-1].with_changes(comma=_last_comma(left[-1].comma, names[-1].comma))
    return node.with_changes(names=left)


def _last_comma(own: Any, last: Any) -> Any:
    """Return the comma of a name that becomes the last one: laid out as the last was, with its own comment."""
    if not (isinstance(own, cst.Comma) and isinstance(last, cst.Comma) and _has_comment(own.whitespace_after)):
        return last
    after = last.whitespace_after
    if not isinstance(after, cst.ParenthesizedWhitespace):
        return last
    kept = cst.ensure_type(own.whitespace_after, cst.ParenthesizedWhitespace)
    return last.with_changes(whitespace_after=after.with_changes(first_line=kept.first_line))


def add_alias(node: Any, name: str) -> Any:
    """Return a from-import that imports `name` too, in order where the names are in order."""
    names: list[Alias] = list(node.names)
    text, _, renamed = name.partition(" as ")
    asname = cst.AsName(cst.Name(renamed)) if renamed else None
    added = cst.ImportAlias(cst.Name(text), asname)
    existing = [alias.evaluated_name for alias in names]
    place = len(names)
    if existing == sorted(existing):
        place = sum(one < text for one in existing)
    if place < len(names):
        gap = names[place - 1].comma if place else cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        names.insert(place, added.with_changes(comma=gap))
    else:
        inner = names[0].comma if len(names) > 1 else cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        final = names[-1].comma
        names[-1] = names[-1].with_changes(comma=inner)
        names.append(added.with_changes(comma=final))
    return node.with_changes(names=names)
