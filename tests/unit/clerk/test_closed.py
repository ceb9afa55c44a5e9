"""Drawn conversations that could not be opened: listed by the reason, which is never a guess."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from incamera.clerk.clear import ENCRYPTED, unopened_codes
from incamera.core.facts import Rule, Selection
from incamera.core.ids import Ref
from incamera.sampling import frame
from incamera.testing.places import Place
from incamera.testing.vaults import conversation
from incamera.vault.pairs import TRUSTEES


def test_each_class_has_its_reason_and_the_frame_counts_it(tmp_path: Path) -> None:
    place = Place.make(tmp_path).fill(14)
    keys = {name: X25519PrivateKey.generate().public_key().public_bytes_raw().hex() for name in TRUSTEES}
    place.vault.recovery.name_trustees(keys)
    person = X25519PrivateKey.generate().public_key()
    place.vault.switch_class(place.subject(1), "escrowed", grant=place.grant())
    place.vault.switch_class(place.subject(2), "user", grant=place.grant(), recipient=person)
    refs, everything = place.refs(), list(place.vault.facts())
    asked = {Ref("f" * 32): "row9"} | {refs[name]: f"row{name}" for name in ("c1", "c2")}
    codes = unopened_codes(everything, asked)
    assert codes == {"rowc1": "vault.escrow-sealed", "rowc2": ENCRYPTED, "row9": "vault.shredded"}
    rules = [Rule.parse(name) for name in ("custody:user", "custody:escrowed", "custody:operator")]
    assert [sum(rule.applies(facts) for facts in everything) for rule in rules if rule] == [2, 2, 10]
    assert Rule.parse("custody:nobody") is None
    built, rows = frame.build(everything, Selection(exclusions=tuple(rule for rule in rules[:2] if rule)))
    assert (built.population, len(built.rows)) == (14, 10)
    assert dict(built.excluded) == {"custody:user": 2, "custody:escrowed": 2}
    assert rows.excluded[refs["c2"]] == "custody:user"
    place.vault.close()
    held = conversation(1).subject
    assert held not in repr(built)
