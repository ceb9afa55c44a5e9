"""No secret is ever derived from a seed: the same log and the same seed of the synthetic world give other keys each time."""

from __future__ import annotations

from pathlib import Path

from parties import Matter

from incamera.clerk.home import Home
from incamera.clerk.sample import new_seed
from incamera.testing.synth.world import world


def secrets_of(home: Home) -> set[bytes]:
    return {
        home.grant_key,
        home.matter_key("m", "row-map"),
        home.ledger_signer.seed,
        home.manifest_signer.seed,
    }


def test_equal_worlds_have_unequal_keys(tmp_path: Path) -> None:
    first, second = world(1, 30), world(1, 30)
    assert first.exports == second.exports
    made = []
    for name in ("a", "b"):
        with Home.create(tmp_path / name, origin="holder.example/ledger", passphrase="the same", demonstration=True) as home:
            made.append(secrets_of(home))
    assert made[0].isdisjoint(made[1])
    assert all(len(found) == 4 for found in made)
    commitments = {str(new_seed(tmp_path / f"{n}.seed", "requester")["commitment"]) for n in range(3)}
    assert len(commitments) == 3


def test_equal_matters_have_unequal_row_ids_and_grants(matter: Matter) -> None:
    with matter.new_home() as home:
        first = matter.frame_root(home)
    with matter.new_home(matter.path / "again") as home:
        second = matter.frame_root(home)
    assert first != second
