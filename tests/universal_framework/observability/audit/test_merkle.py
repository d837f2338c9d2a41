"""The tree: golden cases of others, and agreement with the definition of RFC 6962 for every size."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from universal_framework.observability.audit import merkle
from universal_framework.observability.audit.errors import MalformedError
from universal_framework.observability.audit.tiles import (
    WIDTH,
    TiledTree,
    TileReader,
    level_length,
    tile_name,
)


def mth(entries):
    """The definition, word for word: https://www.rfc-editor.org/rfc/rfc6962#section-2.1."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\0" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return hashlib.sha256(b"\1" + mth(entries[:k]) + mth(entries[k:])).digest()


def subtree_of(entries):
    return lambda height, index: mth(entries[index << height : (index + 1) << height])


def b64(text):
    return base64.b64decode(text or "")


@pytest.mark.parametrize("kind", ["inclusion", "consistency"])
def test_every_golden_case_is_judged_as_others_judge_it(data, kind):
    document = json.loads((data / "merkle" / f"{kind}.json").read_text())
    wrong = []
    for name, case in document["cases"].items():
        path = [b64(step) for step in case["proof"] or []]
        if kind == "inclusion":
            root, leaf = b64(case["root"]), b64(case["leafHash"])
            holds = merkle.inclusion_holds(case["leafIdx"], case["treeSize"], leaf, path, root)
        else:
            old, new = b64(case["root1"]), b64(case["root2"])
            holds = merkle.consistency_holds(case["size1"], case["size2"], old, new, path)
        if holds == case["wantErr"]:
            wrong.append(name)
    assert not wrong
    assert len(document["cases"]) == 98


@given(st.lists(st.binary(max_size=8), max_size=40))
def test_the_root_is_that_of_the_definition(entries):
    assert merkle.root_of(merkle.leaf_hashes(entries)) == mth(entries)


@given(st.data(), st.integers(1, 70))
def test_a_leaf_is_proven_and_no_other_leaf_place_or_size_is(data, size):
    entries = [bytes([i]) for i in range(size)]
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_path(index, size, subtree_of(entries))
    root, leaf = mth(entries), merkle.leaf_hash(entries[index])
    assert merkle.inclusion_holds(index, size, leaf, path, root)
    other = data.draw(st.integers(-1, size).filter(lambda i: i != index))
    assert not merkle.inclusion_holds(other, size, leaf, path, root)
    assert not merkle.inclusion_holds(index, size, merkle.leaf_hash(b"another"), path, root)
    for bad in (path[1:], [*path, root], [bytes(31), *path[1:]]):
        assert bad == path or not merkle.inclusion_holds(index, size, leaf, bad, root)


@given(st.data(), st.integers(1, 70))
def test_growth_is_proven_and_a_change_of_the_past_is_not(data, new):
    entries = [bytes([i]) for i in range(new)]
    old = data.draw(st.integers(1, new))
    path = merkle.consistency_path(old, new, subtree_of(entries))
    assert merkle.consistency_holds(old, new, mth(entries[:old]), mth(entries), path)
    changed = data.draw(st.integers(0, old - 1))
    forged = [*entries[:changed], b"forged", *entries[changed + 1 :]]
    assert not merkle.consistency_holds(old, new, mth(entries[:old]), mth(forged), path)
    assert not merkle.consistency_holds(old, new, mth(forged[:old]), mth(entries), path)


def test_nothing_can_be_proven_about_an_empty_tree():
    with pytest.raises(ValueError, match="0"):
        merkle.inclusion_path(0, 0, subtree_of([]))
    with pytest.raises(ValueError, match="0"):
        merkle.consistency_path(0, 3, subtree_of([]))


def leaves_of(size):
    return merkle.leaf_hashes([str(i).encode() for i in range(size)])


def grown(sizes):
    """A tree that grew in steps, and its levels."""
    tree, levels = TiledTree(), []
    for before, size in zip([0, *sizes], sizes, strict=False):
        tree.extend(leaves_of(size)[before:])
        for level, data in enumerate(tree.take_fresh()):
            levels += [b""] if level == len(levels) else []
            levels[level] += data
    return tree, levels


def loader(levels):
    return lambda level, start, count: levels[level][start * 32 : (start + count) * 32] if level < len(levels) else b""


@given(st.lists(st.integers(1, 300), min_size=1, max_size=5))
def test_a_tree_in_levels_has_the_same_root_however_it_grew(steps):
    sizes = [sum(steps[: i + 1]) for i in range(len(steps))]
    tree, levels = grown(sizes)
    assert tree.root() == merkle.root_of(leaves_of(sizes[-1]))
    for size in {0, 1, sizes[0], tree.size}:
        assert TiledTree.restored(size, loader(levels)).root() == merkle.root_of(leaves_of(size))
        assert merkle.tree_root(size, TileReader(loader(levels)).subtree) == merkle.root_of(leaves_of(size))
    with pytest.raises(MalformedError):
        TiledTree.restored(tree.size + 1, loader(levels))


def test_levels_of_a_large_tree_are_the_tiles_of_the_specification():
    """Its example: 70,000 leaves make 273 full tiles and one of 112; one full and one of 17; one of 1."""
    _, levels = grown([70_000])
    assert [divmod(len(data) // 32, WIDTH) for data in levels] == [(273, 112), (1, 17), (0, 1)]
    assert [level_length(level, 70_000) for level in range(4)] == [70_000, 273, 1, 0]
    leaves = leaves_of(70_000)
    assert levels[1][32:64] == merkle.root_of(leaves[256:512])
    assert levels[2] == merkle.root_of(leaves[:65536])


def test_tiles_are_named_as_the_specification_names_them():
    assert tile_name(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_name(2, 5, 17) == "tile/2/005.p/17"
