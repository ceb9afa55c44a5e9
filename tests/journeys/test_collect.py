"""What came in: counted once, under its own name, whichever command brought it; and what a source lacks is not forgotten."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from parties import Matter, conversation, log, small_log

from incamera.clerk import carried
from incamera.clerk.collect import Sources, ingest
from incamera.clerk.desk import Desk
from incamera.clerk.home import Home
from incamera.clerk.watch import Silent
from incamera.core.errors import Malformed, Refused
from incamera.governance import order as orders
from incamera_verify import merkle


def take_in(home: Home, *paths: Path, mapping: Path | None = None) -> dict[str, Any]:
    return ingest(home, Sources(conversations=paths, mapping=mapping), exceptions=None, watch=Silent())


def collected(home: Home) -> list[dict[str, Any]]:
    return [dict(past.entry.fields) for past in home.ledger.entries() if past.entry.act == "collect.finished"]


def stage(matter: Matter, home: Home) -> dict[str, Any]:
    facts = Desk(home=home, order=orders.load(matter.order)).done("collect")
    assert facts is not None
    return facts


def test_what_was_in_the_vault_is_not_what_came_twice(matter: Matter) -> None:
    log(matter.conversations, [*small_log(), small_log()[0]])
    with matter.new_home() as home:
        first = take_in(home, matter.conversations)
        matter.frame_root(home)
        facts, acts = stage(matter, home), collected(home)
    assert (first["stored"], first["already"], first["duplicates"]) == (12, 0, 1)
    assert (facts["stored"], facts["already"], facts["duplicates"], facts["conflicting"]) == (0, 12, 1, 0)
    assert [(act["conversations"], act["duplicates"]) for act in acts] == [(12, 1), (12, 1)]


def test_a_reused_id_is_drawn_like_any_other_and_reading_again_adds_nothing(matter: Matter) -> None:
    log(matter.conversations, [*small_log(), conversation("repro", ("user", "something else"), ("assistant", "entirely"))])
    with matter.new_home() as home:
        assert take_in(home, matter.conversations)["reused_ids"] == 1
        again = take_in(home, matter.conversations)
        done = matter.finish(home)
        facts = stage(matter, home)
    assert (again["stored"], again["already"], again["reused_ids"]) == (0, 13, 1)
    assert (done["frame"], done["exceptions"], facts["reused_ids"]) == (13, 0, 1)


def test_other_content_under_a_stored_id_has_a_figure_of_its_own(matter: Matter) -> None:
    other = log(matter.path / "other.jsonl", [conversation("repro", ("user", "something else"), ("assistant", "entirely"))])
    with matter.new_home() as home:
        take_in(home, other)
        matter.frame_root(home)
        facts = stage(matter, home)
        listed = (home.matter_path("26-cv-9001") / "exceptions.jsonl").read_text().splitlines()
    assert (facts["stored"], facts["already"], facts["conflicting"], facts["exceptions"]) == (11, 0, 1, {})
    assert [json.loads(line)["code"] for line in listed] == ["vault.conflicting-duplicate"]


def test_every_input_is_under_the_root_of_the_act(matter: Matter) -> None:
    with matter.new_home() as home:
        take_in(home, *(log(matter.path / f"{n:03}.jsonl", [conversation(f"c{n}", ("user", "q"))]) for n in range(300)))
        (act,) = collected(home)
    paths = [matter.path / f"{n:03}.jsonl" for n in range(300)]
    leaves = [merkle.leaf_hash(hashlib.sha256(path.read_bytes()).digest()) for path in paths]
    assert len(act["sources"]) == 256
    assert act["root"] == merkle.root(leaves).hex()
    assert act["root"] != merkle.root(leaves[:256]).hex()


def test_what_an_earlier_collection_lacks_still_refuses_a_rule_by_name(matter: Matter) -> None:
    earlier = log(matter.path / "earlier.jsonl", [conversation("old", ("user", "q"), ("assistant", "a"))])
    log(matter.conversations, [row | {"tier": "free"} for row in small_log()])
    matter.frame = 'exclusions = ["tier:enterprise"]'
    matter.write_order()
    with matter.new_home() as home:
        take_in(home, earlier)
        assert carried.read(home).lacks("tier") == ("plain",)
        with pytest.raises(Refused, match=r"sample\.lacking-field.*tier.*plain"):
            matter.frame_root(home)
    with matter.new_home(matter.path / "fresh") as home:
        assert matter.frame_root(home)
        assert carried.read(home).lacks("tier") == ()


def test_a_damaged_memory_of_a_collection_is_named(matter: Matter) -> None:
    with matter.new_home() as home:
        take_in(home, matter.conversations)
        (kept,) = (home.path / carried.PLACE).glob("*.json")
        kept.write_text("{}")
        with pytest.raises(Malformed, match=r"home\.damaged") as caught:
            carried.read(home)
    assert caught.value.where == f"collections/{kept.name}"


def test_a_surname_in_the_place_of_a_tier_is_in_no_file_of_frame_and_draw(matter: Matter) -> None:
    tiers = ["quackenbush", "Plus", "plus", "Silver"] * 3
    log(matter.conversations, [row | {"tier": tier} for row, tier in zip(small_log(), tiers, strict=True)])
    matter.strata, matter.more = ("tier",), '[hold]\nscope = ["tier:silver"]'
    matter.write_order()
    with matter.new_home() as home:
        matter.finish(home)
        drift = json.loads((home.matter_path("26-cv-9001") / "drift.json").read_bytes())["drift"]
        held = stage(matter, home)["held"]
    header = json.loads(gzip.decompress((matter.out / "production/SAMPLE/frame.jsonl.gz").read_bytes()).splitlines()[0])
    assert header["strata"] == {"tier=plus": 6, "tier=silver": 3, "tier=unknown": 3}
    assert held == 3
    assert [row for row in drift if row["what"] == "unread-tier"] == [
        {"source": "plain", "what": "unread-tier", "name": "(rare)", "count": 3}
    ]
    for path in (matter.out / "production/SAMPLE").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"quackenbush" not in (gzip.decompress(data) if path.suffix == ".gz" else data)
