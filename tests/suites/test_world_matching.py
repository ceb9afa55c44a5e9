"""The synthetic world against the matching room: what was planted is found where it stands, under the label it should get."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from incamera.core.records import Match, Work
from incamera.ingest import files
from incamera.ingest.report import Report
from incamera.matching.index import Index
from incamera.matching.scan import scan
from incamera.testing.synth import Plant, World, world


@pytest.fixture(scope="module")
def made() -> World:
    return world(77, 700)


@pytest.fixture(scope="module")
def found(made: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Match]]:
    layout = made.write(tmp_path_factory.mktemp("world"))
    accounts = files.load_accounts(layout.accounts)
    accounts.parties.update(made.parties)
    index = Index.of([Work(**work.record()) for work in made.works], min_words=8)
    matches: defaultdict[str, list[Match]] = defaultdict(list)
    for conversation in files.read([Path(layout.conversations)], report=Report(), accounts=accounts):
        matches[conversation.id] += scan(conversation, index)
    return matches


def over(plant: Plant, matches: list[Match]) -> list[Match]:
    """The matches of the plant's turn and work that touch its stretch."""
    return [
        m
        for m in matches
        if (m.span.turn, m.work_id) == (plant.turn, plant.work_id)
        and m.work_start < plant.work_end
        and plant.work_start < m.work_end
    ]


def test_every_plant_is_found_whole(made: World, found: dict[str, list[Match]]) -> None:
    for plant in made.plants:
        assert any(
            m.work_start <= plant.work_start and plant.work_end <= m.work_end for m in over(plant, found[plant.conversation])
        ), plant


def test_nothing_else_is_found(made: World, found: dict[str, list[Match]]) -> None:
    assert {c for c, matches in found.items() if matches} == {p.conversation for p in made.plants}


def test_every_plant_gets_the_label_it_should(made: World, found: dict[str, list[Match]]) -> None:
    for plant in made.plants:
        if plant.expected:
            labels = {label for m in over(plant, found[plant.conversation]) for label in m.elicitation}
            assert plant.expected in labels, (plant.kind, plant.turn, labels)
