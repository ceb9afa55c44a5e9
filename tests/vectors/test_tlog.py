"""Published vectors of transparency logs: inclusion and consistency proofs, and a small C2SP log with all its files."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from incamera_verify.errors import VerificationError
from incamera_verify.merkle import Tree, leaf_hash, verify_consistency, verify_inclusion
from incamera_verify.note import Note, Verifier, open_checkpoint
from incamera_verify.tiles import entries_path, pack_entries, split_hashes, tile_path, unpack_entries

pytestmark = pytest.mark.shared


def raw(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def rows(shared: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (shared / "data/vectors/tlog" / name).read_text().splitlines()]


def holds(call: Any, *arguments: Any) -> bool:
    try:
        call(*arguments)
    except VerificationError:
        return False
    return True


def test_inclusion(shared: Path):
    vectors = rows(shared, "merkle_inclusion.jsonl")
    assert len(vectors) > 90
    for v in vectors:
        path = [raw(step) for step in v["proof"] or []]
        assert holds(verify_inclusion, raw(v["leafHash"]), v["leafIdx"], v["treeSize"], path, raw(v["root"])) != v["wantErr"], v[
            "name"
        ]


def test_consistency(shared: Path):
    vectors = rows(shared, "merkle_consistency.jsonl")
    assert len(vectors) > 90
    for v in vectors:
        path = [raw(step) for step in v["proof"] or []]
        roots = raw(v["root1"]), raw(v["root2"])
        if any(len(root) != 32 for root in roots):
            # One vector has equal sizes with twelve bytes of prose for roots and expects no error; we ask for hashes.
            assert not holds(verify_consistency, v["size1"], v["size2"], path, *roots), v["name"]
            continue
        assert holds(verify_consistency, v["size1"], v["size2"], path, *roots) != v["wantErr"], v["name"]


def test_a_log_with_all_its_files(shared: Path):
    log = json.loads((shared / "data/vectors/tlog/tlog_tiles_sample.json").read_text())
    files = {name: raw(data) for name, data in log["files"].items()}
    key = Verifier.parse(log["verifier_key"])
    assert key.text == log["verifier_key"]
    leaves = [leaf.encode() for leaf in log["leaves"]]
    tree = Tree(map(leaf_hash, leaves))
    for size in range(len(leaves) + 1):
        note = files[f"checkpoint.{size}"]
        assert bytes(Note.parse(note)) == note
        state = open_checkpoint(note, [key])
        assert (state.size, state.root) == (size, tree.root(size))
        if size:
            assert files[entries_path(0, size)] == pack_entries(leaves[:size])
            assert unpack_entries(files[entries_path(0, size)]) == leaves[:size]
            assert split_hashes(files[tile_path(0, 0, size)], size) == [tree.node(0, i) for i in range(size)]
