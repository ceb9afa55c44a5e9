"""One small matter and one sealed volume for the whole session; whoever alters a volume takes a copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from incamera.testing.volumes import World, world
from incamera_verify.trust import Trust


@pytest.fixture(scope="session")
def matter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A matter whose ledger may get more acts; nothing else of it changes."""
    made = world(tmp_path_factory.mktemp("matter"))
    yield made
    made.ledger.close()


@pytest.fixture(scope="session")
def volume(matter: World) -> Path:
    """The sealed volume of the whole sample, bulk lane open. Read only."""
    return matter.volume(matter.home / "VOL001")


@pytest.fixture(scope="session")
def trust(matter: World) -> Trust:
    """The true pins."""
    return Trust.parse(matter.trust())


@pytest.fixture
def copy(volume: Path, tmp_path: Path) -> Callable[[], Path]:
    """Makes a copy of the volume to do damage to."""

    def make() -> Path:
        return shutil.copytree(volume, tmp_path / "VOL001")

    return make
