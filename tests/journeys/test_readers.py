"""Readers: an order that lets nothing leave above a measured leak rate, answered with readers; and each way to miss it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from measured import AGE_KEY, PEOPLE, Measured, nothing, repair, says
from parties import Matter, conversation, log, small_log

from incamera.clerk.answer import answer
from incamera.core.errors import Awaiting, Refused, Unverified
from incamera.production import unseal_directory
from incamera_verify.errors import VerificationError


@pytest.fixture
def measured(tmp_path: Path, matter: Matter) -> Measured:
    return Measured(path=matter.path / "measured", conversations=matter.conversations, works=matter.works)


def test_an_order_with_a_leak_rate_is_answered_when_its_readers_have_read(measured: Measured) -> None:
    measured.with_readers(rate=0.3)
    with measured.new_home() as home:
        measured.until_reading(home)
        assert not (measured.out / "production").exists()
        annotations = measured.read(nothing)
        assert len(annotations) == 2
        done = measured.finish(home, readings=annotations)
        acts = [past.entry.act for past in home.ledger.entries(done["matter"])]
    figures = measured.verify()
    assert figures["deid.bound"].startswith("at most ") and figures["deid.bound"].endswith(" of 12 conversations at 95 %")
    assert (figures["reading.outcome"], figures["reading.leaks"], figures["reading.text"]) == ("met", 0, "redacted")
    assert figures["reading.twice"] == figures["reading.agreed"] >= 1
    assert acts.index("reading.drawn") < acts.index("reading.packed") < acts.index("reading.received")
    assert acts.index("reading.received") < acts.index("reading.judged") < acts.index("decision.recorded")


def test_one_reader_may_come_before_the_other(measured: Measured) -> None:
    measured.with_readers()
    with measured.new_home() as home:
        measured.until_reading(home)
        first, second = measured.read(nothing)
        with pytest.raises(Awaiting, match=r"answer\.awaiting-reading"):
            measured.finish(home, readings=(first,))
        measured.finish(home, readings=(second,))
    measured.verify()


def test_only_what_would_leave_is_read(measured: Measured) -> None:
    measured.scope = "responsive"
    measured.with_readers(rate=0.5, more="readings = 12\ntwice = 1")
    with measured.new_home() as home:
        measured.until_reading(home)
        done = measured.finish(home, readings=measured.read(nothing))
    figures = measured.verify()
    assert 0 < done["responsive"] == done["produced"] == figures["reading.population"] == figures["reading.twice"] < 12
    assert figures["deid.bound"] == f"at most 0 of {done['produced']} conversations at 95 %"


def test_what_readers_found_is_withheld_and_the_rest_leaves(measured: Measured) -> None:
    measured.with_readers(rate=0.9, more="readings = 12")
    with measured.new_home() as home:
        measured.until_reading(home)
        done = measured.finish(home, readings=measured.read(repair))
    figures = measured.verify()
    assert figures["reading.leaks"] == len(measured.withheld()) == 12 - done["produced"] > 0
    assert {line["reason"] for line in measured.withheld()} == {"PII-NAME"}
    assert "at most 9 of 12" in figures["deid.bound"]


def test_a_missed_rate_refuses(measured: Measured) -> None:
    measured.with_readers(rate=0.1)
    with measured.new_home() as home:
        measured.until_reading(home)
        with pytest.raises(Refused, match=r"answer\.bound-missed"):
            measured.finish(home, readings=measured.read(repair))
        assert not (measured.out / "production").exists()
        with pytest.raises(Refused, match=r"answer\.bound-missed"):  # and again: the verdict stands
            measured.finish(home)
        judged = [past.entry.fields for past in home.ledger.entries() if past.entry.act == "reading.judged"]
    assert [fields["outcome"] for fields in judged] == ["missed"]


def test_a_missed_rate_withholds_the_stratum(measured: Measured) -> None:
    rows = small_log()
    for n, row in enumerate(rows):
        row["tier"] = "plus" if "heater" in json.dumps(row) and n % 2 else "free"
    log(measured.conversations, rows)
    measured.strata = ("tier",)
    measured.with_readers(rate=0.2, more='on_miss = "withhold-stratum"\nreadings = 12')
    plus = sum(row["tier"] == "plus" for row in rows)
    with measured.new_home() as home:
        measured.until_reading(home)
        done = measured.finish(home, readings=measured.read(lambda row: []))
        assert done["produced"] == 12  # nothing was found: nothing is withheld
    other = Measured(path=measured.path / "other", conversations=measured.conversations, works=measured.works, strata=("tier",))
    other.with_readers(rate=0.2, more='on_miss = "withhold-stratum"\nreadings = 12')
    with other.new_home() as home:
        other.until_reading(home)
        refs = home.vault.lookup([row["id"] for row in rows if row["tier"] == "plus"])
        from incamera.clerk import sample
        from incamera.clerk.desk import Desk
        from incamera.governance import order as orders

        known = sample.commit_frame(Desk(home=home, order=orders.load(other.order))).map.rows
        chosen = {known[ref] for ref in refs.values() if ref}
        done = other.finish(home, readings=other.read(lambda row: repair(row) if row["row"] in chosen else []))
    figures = other.verify()
    assert done["produced"] == 12 - plus
    assert {line["reason"] for line in other.withheld()} == {"BOUND-MISSED"}
    assert figures["reading.outcome"] == "missed: withhold-stratum"
    assert figures["reading.strata_withheld"] == 1
    assert figures["deid.bound"] == f"at most 0 of {12 - plus} conversations at 95 %"


def test_a_missed_rate_sends_the_volume_to_the_room_alone(measured: Measured) -> None:
    measured.with_readers(rate=0.1, more='on_miss = "room-only"')
    with measured.new_home() as home:
        measured.until_reading(home)
        measured.finish(home, readings=measured.read(repair))
    figures = measured.verify()
    assert "ROOM ONLY" in figures["labels"]
    assert not (measured.out / "production/BULK/rows.jsonl.gz").exists()
    sealed = measured.out / "production.tar.age"
    with pytest.raises(Unverified):
        unseal_directory(sealed, measured.path / "theirs", str(measured.identity))
    opened = unseal_directory(sealed, measured.path / "room", str(measured.room)).volume
    assert (opened / "BULK/rows.jsonl.gz.age").exists()


def test_readers_of_raw_text_are_blind_to_the_output_and_compared_with_it(measured: Measured) -> None:
    measured.with_readers(rate=0.9, more='reading = "raw"\nreadings = 12')
    leaky = conversation("leaky", ("user", "is it true that the weather will be warm today?"), ("assistant", "good"))
    log(measured.conversations, [*small_log()[:11], leaky])
    seen: list[str] = []

    def names(row: Mapping[str, Any]) -> list[dict[str, Any]]:
        seen.extend(part["text"] for part in row["parts"])
        wanted = [f"Habergast{n}" for n in range(9)] + ["weather"]
        return [{"kind": "names", "quote": word} for word in wanted if says(row, word)]

    with measured.new_home() as home:
        measured.until_reading(home)
        done = measured.finish(home, readings=measured.read(names))
    assert any("Habergast3" in text for text in seen) and not any("[PERSON" in text for text in seen)
    figures = measured.verify()
    assert (figures["reading.text"], figures["reading.leaks"], done["produced"]) == ("raw", 1, 11)
    for path in (measured.out / "production").rglob("*"):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() if path.is_file() else b""
        assert b"Habergast" not in data and b"weather" not in data


def test_packets_and_annotations_hold_no_text_in_the_clear(measured: Measured) -> None:
    measured.with_readers()
    with measured.new_home() as home:
        measured.until_reading(home)
        annotations = measured.read(repair)
        for path in [*annotations, *(measured.out / "readings").iterdir(), *(measured.home_path / "matters").rglob("*.json")]:
            assert b"repair" not in path.read_bytes(), path.name


# --- threats ------------------------------------------------------------------------------------------------------------


def test_who_measures_may_not_approve_or_receive(measured: Measured) -> None:
    for people in (("C. Counsel", "B. Reader"), ("A. Reader", "neutral"), ("A. Reader", "a.  reader")):
        path = measured.path / people[1].replace(" ", "") / people[0][:1]
        fresh = Measured(path=path, conversations=measured.conversations, works=measured.works)
        fresh.with_readers(people=people)
        with fresh.new_home() as home, pytest.raises(Refused, match=r"answer\.reader-not-apart"):
            answer(home, fresh.request())


@pytest.mark.parametrize(
    ("people", "change", "code"),
    [
        (("A. Reader",), ("", ""), "answer.one-reader"),
        (PEOPLE, (AGE_KEY, AGE_KEY.replace("A. Reader", "Z")), "answer.reader-without-key"),
        (PEOPLE, ('role = "room"', 'role = "requester"'), "answer.no-room"),
    ],
)
def test_readers_who_cannot_do_it_are_named_before_anything_is_collected(
    measured: Measured, people: tuple[str, ...], change: tuple[str, str], code: str
) -> None:
    measured.with_readers(people=people, more='on_miss = "room-only"')
    measured.more = measured.more.replace(*change)
    measured.write_order()
    with measured.new_home() as home:
        with pytest.raises(Refused, match=code.replace(".", r"\.")):
            answer(home, measured.request())
        assert home.vault.stats().conversations == 0


def test_an_annotation_of_another_draw_is_refused(measured: Measured) -> None:
    measured.with_readers()
    other = Measured(path=measured.path / "other", conversations=measured.conversations, works=measured.works).with_readers()
    with other.new_home() as home:
        other.until_reading(home)
        foreign = other.read(nothing)
    with measured.new_home() as home:
        measured.until_reading(home)
        with pytest.raises(Unverified, match=r"reading\.other-plan"):
            measured.finish(home, readings=foreign)


def test_a_forged_tally_is_refused(measured: Measured) -> None:
    measured.with_readers(rate=0.1)
    with measured.new_home() as home:
        measured.until_reading(home)
        annotations = measured.read(repair)
        for path in annotations:
            forged = json.loads(path.read_bytes())
            for row in forged["tally"]["rows"]:
                row["names"] = 0
            path.write_text(json.dumps(forged))
        with pytest.raises(Unverified, match=r"reading\.bad-signature"):
            measured.finish(home, readings=annotations)
        forged["marks"] = {}
        path.write_text(json.dumps(forged))
        with pytest.raises(Exception, match=r"answer\.bad-annotation"):
            measured.finish(home, readings=(path,))
        path.write_text("{}")
        with pytest.raises(Exception, match=r"answer\.bad-annotation"):
            measured.finish(home, readings=(path,))


def test_a_reader_signs_once_and_only_what_was_given_to_them(measured: Measured) -> None:
    measured.with_readers()
    with measured.new_home() as home:
        measured.until_reading(home)
        again = measured.read(repair)
        with pytest.raises(Awaiting):
            measured.finish(home, readings=(again[0],))
        first, _ = measured.read(nothing)
        with pytest.raises(Refused, match=r"answer\.second-reading"):
            measured.finish(home, readings=(first,))
    with pytest.raises(Refused, match=r"answer\.other-reader"):
        owner = json.loads((measured.path / "packet.jsonl").read_text().splitlines()[0])["reader"]
        measured.sign(1 - measured.readers[owner], nothing, measured.path / "theirs.annotation")


def test_a_volume_whose_readings_were_altered_is_refused(measured: Measured) -> None:
    measured.with_readers()
    with measured.new_home() as home:
        measured.until_reading(home)
        measured.finish(home, readings=measured.read(nothing))
    (measured.out / "production/EVIDENCE/result.json").write_bytes(b"{}\n")
    with pytest.raises(VerificationError, match=r"volume\.wrong-size"):
        measured.verify()
