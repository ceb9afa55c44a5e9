"""The holder's counsel and privacy engineer: from an order to a sealed, verified volume."""

from __future__ import annotations

import gzip
import json
import shutil
from typing import Any

import pytest
from delivered import certificate, rows, table, verified
from parties import ARTICLE, Matter, article_works, conversation, log, small_log

from incamera.clerk import sample
from incamera.clerk.answer import answer
from incamera.core.errors import Awaiting, Malformed, Refused, Unverified
from incamera.core.ids import digest
from incamera_verify.trust import Trust


def acts(matter: Matter) -> list[str]:
    with matter.open_home() as home:
        return [past.entry.act for past in home.ledger.entries("26-cv-9001")]


def test_an_order_becomes_a_verified_volume(matter: Matter) -> None:
    with matter.new_home() as home:
        done = matter.finish(home)
    assert (done["frame"], done["drawn"], done["produced"], done["responsive"]) == (12, 12, 12, 1)
    assert verified(matter.out).established
    stated = certificate(matter.out)
    assert stated["labels"] == []
    assert "KMS: local file" in stated["keys"]
    produced = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows(matter.out))
    assert "Habergast" not in produced
    assert "broken" in produced
    assert [row["bates"] for row in rows(matter.out) if row["bates"]] == ["INC000000001"]
    hits = {row["threshold_words"]: row for row in table(matter.out, "hits_by_threshold")}
    assert hits["25"]["conversations"] == "1"
    assert hits["25"]["denominator"] == "12"
    assert table(matter.out, "missing_outputs") == [{"reason": "no_output", "outputs": "1"}]
    assert (matter.out / "production.tar.age").exists()


def test_the_work_s_own_words_stay_inside_a_protected_run(matter: Matter) -> None:
    with matter.new_home() as home:
        matter.finish(home)
    row = next(row for row in rows(matter.out) if row["responsive"])
    answer_ = row["record"]["turns"][1]["parts"][0]["text"]
    hit = next(m for m in row["matches"] if m["turn"] == 1)
    assert hit["work_id"] == "ferry"
    assert hit["words"] == 40
    assert answer_[hit["start"] : hit["end"]] == ARTICLE[hit["work_start"] : hit["work_end"]]
    waivers = (matter.out / "production/LOGS/waiver.csv").read_text().splitlines()
    assert len(waivers) > 1


def test_the_acts_stand_in_their_order(matter: Matter) -> None:
    with matter.new_home() as home:
        matter.finish(home)
    seen = acts(matter)
    order = [
        "matter.opened", "hold.placed", "collect.finished", "frame.committed", "seed.revealed", "draw.made",
        "access.approved", "access.granted", "key.released", "decision.recorded", "production.built", "production.sealed",
        "production.verified",
    ]  # fmt: skip
    places = [seen.index(act) for act in order]
    assert places == sorted(places)
    assert seen.count("seed.revealed") == 2
    assert seen.count("access.approved") == 2


def test_the_same_command_again_changes_nothing(matter: Matter) -> None:
    with matter.new_home() as home:
        matter.finish(home)
        before = {p: p.read_bytes() for p in sorted((matter.out / "production").rglob("*")) if p.is_file()}
        again = matter.finish(home)
        assert again["verdict"].startswith("verified")
        assert {p: p.read_bytes() for p in sorted((matter.out / "production").rglob("*")) if p.is_file()} == before
        assert sum(past.entry.act == "production.sealed" for past in home.ledger.entries("26-cv-9001")) == 1


def test_a_volume_that_was_delivered_is_not_made_twice(matter: Matter) -> None:
    with matter.new_home() as home:
        matter.finish(home)
        shutil.rmtree(matter.out / "production")
        with pytest.raises(Refused, match=r"answer\.already-sealed"):
            matter.finish(home)


def test_rendering_again_in_the_same_home_gives_the_same_bytes(matter: Matter) -> None:
    with matter.new_home() as home:
        matter.finish(home)
        stage = home.matter_path("26-cv-9001") / "stages/sealed.json"
        stage.unlink()
        matter.finish(home, out=matter.path / "again")
    lanes = ("DATA", "TEXT", "NATIVES", "BULK", "LOGS", "TABLES", "SAMPLE")
    first, second = (
        {p.relative_to(out): p.read_bytes() for lane in lanes for p in (out / "production" / lane).rglob("*") if p.is_file()}
        for out in (matter.out, matter.path / "again")
    )
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_a_neutral_recomputes_the_draw_matches_and_findings_in_a_home_of_its_own(matter: Matter) -> None:
    matter.size = 7
    matter.write_order()
    ids = [row["id"] for row in small_log()]
    with matter.new_home() as home:
        matter.finish(home)
        told = sample.check(home, matter.order, ids, None)
    given = log(matter.path / "rows.jsonl", told)
    with matter.new_home(matter.path / "neutral-home") as home:
        matter.finish(home, rows=given, out=matter.path / "neutral-out")
    first, second = rows(matter.out), rows(matter.path / "neutral-out")
    assert [r["conversation"] for r in first] == [r["conversation"] for r in second]
    assert [(r["matches"], r["record"]["turns"]) for r in first] == [(r["matches"], r["record"]["turns"]) for r in second]
    # What is secret differs: pseudonyms are keyed by each home's own random keys.
    assert {r["subject"] for r in first}.isdisjoint(r["subject"] for r in second)


def test_responsive_scope_leaves_everything_else_behind(matter: Matter) -> None:
    matter.scope, matter.lanes = "responsive", ("document", "bulk")
    matter.write_order()
    with matter.new_home() as home:
        done = matter.finish(home)
    assert done["produced"] == done["responsive"] == 1
    assert len(rows(matter.out)) == 1
    assert {row["conversations"] for row in table(matter.out, "hits_by_threshold") if row["threshold_words"] == "8"} == {"1"}


def test_nothing_responsive_is_an_answer_too(matter: Matter) -> None:
    matter.scope, matter.lanes = "responsive", ("document", "bulk")
    matter.write_order()
    matter.conversations = log(matter.path / "log.jsonl", small_log()[3:])
    with matter.new_home() as home:
        done = matter.finish(home)
    assert done["produced"] == 0
    assert done["verdict"].startswith("verified")


def test_a_whole_sample_s_rows_are_sealed_to_the_neutral_unless_a_paragraph_allows_export(matter: Matter) -> None:
    matter.lanes = ("document", "bulk")
    matter.write_order()
    with matter.new_home() as home:
        done = matter.finish(home)
    bulk = {p.name for p in (matter.out / "production/BULK").iterdir()}
    assert "rows.jsonl.gz" not in bulk
    assert "rows.jsonl.gz.age" in bulk
    assert done["verdict"].startswith("verified")


def test_without_a_neutral_a_whole_sample_does_not_leave(matter: Matter) -> None:
    matter.lanes = ("document", "bulk")
    matter.write_order(recipients="")
    with matter.new_home() as home, pytest.raises(Refused, match=r"production\.bulk-not-allowed"):
        matter.finish(home)


# --- permission --------------------------------------------------------------------------------------------------------


def test_an_answer_waits_for_reveals_then_for_two_approvals(matter: Matter) -> None:
    matter.size = 7
    matter.write_order()
    with matter.new_home() as home:
        with pytest.raises(Awaiting, match=r"sample\.awaiting-reveal"):
            answer(home, matter.request())
        root = matter.frame_root(home)
        reveals = tuple(matter.reveal(root, party) for party in matter.parties)
        with pytest.raises(Awaiting, match=r"access\.awaiting-approval"):
            answer(home, matter.request(reveals=reveals))
        with pytest.raises(Awaiting, match="1 more of privacy"):
            answer(home, matter.request(reveals=reveals, approvals=(matter.approve("counsel", home),)))
        assert not any(past.entry.act == "key.released" for past in home.ledger.entries())
        both = (matter.approve("counsel", home), matter.approve("privacy", home))
        assert answer(home, matter.request(reveals=reveals, approvals=both))["drawn"] == 7


def test_one_person_cannot_approve_twice(matter: Matter) -> None:
    with matter.new_home() as home:
        root = matter.frame_root(home)
        reveals = tuple(matter.reveal(root, party) for party in matter.parties)
        one = matter.approve("counsel", home)
        again = matter.path / "copy.approval"
        shutil.copyfile(one, again)
        with pytest.raises(Refused, match=r"access\.one-operator"):
            answer(home, matter.request(reveals=reveals, approvals=(one, again)))
        assert any(past.entry.act == "access.refused" for past in home.ledger.entries())


def test_an_approval_of_another_order_does_not_count(matter: Matter) -> None:
    with matter.new_home() as home:
        approvals = (matter.approve("counsel", home), matter.approve("privacy", home))
        matter.size = 7
        matter.write_order()
        root = matter.frame_root(home)
        reveals = tuple(matter.reveal(root, party) for party in matter.parties)
        with pytest.raises(Refused, match=r"access\.other-request"):
            answer(home, matter.request(reveals=reveals, approvals=approvals))


def test_an_approval_for_one_home_opens_nothing_in_a_second_one(matter: Matter) -> None:
    """The holder's second home, of the same name, has another log: the same two signatures are for nothing there."""
    with matter.new_home() as home:
        approvals = (matter.approve("counsel", home), matter.approve("privacy", home))
    with matter.new_home(matter.path / "second") as second:
        root = matter.frame_root(second)
        reveals = tuple(matter.reveal(root, party) for party in matter.parties)
        with pytest.raises(Refused, match=r"access\.other-request.*log differ"):
            answer(second, matter.request(reveals=reveals, approvals=approvals))
        assert not any(past.entry.act == "key.released" for past in second.ledger.entries())


def test_an_early_or_foreign_reveal_is_refused(matter: Matter) -> None:
    with matter.new_home() as home:
        matter.frame_root(home)
        wrong = matter.reveal("ab" * 32, "requester", matter.path / "wrong.reveal")
        with pytest.raises(Refused, match=r"sample\.foreign-reveal"):
            answer(home, matter.request(reveals=(wrong,)))


def test_a_seed_that_was_not_committed_to_is_refused(matter: Matter) -> None:
    with matter.new_home() as home:
        root = matter.frame_root(home)
        matter.seed("requester").unlink()
        sample.new_seed(matter.seed("requester"), "requester")
        with pytest.raises(Unverified, match=r"sample\.wrong-seed"):
            answer(home, matter.request(reveals=(matter.reveal(root, "requester"),)))


def test_a_silent_party_is_recorded_where_the_order_lets_the_draw_go_on(matter: Matter) -> None:
    matter.size, matter.fallback = 7, "without-party"
    matter.write_order()
    with matter.new_home() as home:
        root = matter.frame_root(home)
        approvals = (matter.approve("counsel", home), matter.approve("privacy", home))
        request = matter.request(reveals=(matter.reveal(root, "neutral"),), approvals=approvals, without=("requester",))
        assert answer(home, request)["verdict"].startswith("verified")
        assert any(past.entry.act == "seed.fallback" for past in home.ledger.entries())
    stated = certificate(matter.out)
    assert stated["labels"] == ["SINGLE-OPERATOR RUN"]
    assert any("requester did not reveal" in line for line in stated["deviations"])


# --- input that changed, input that lacks ----------------------------------------------------------------------------------


def test_other_logs_after_the_frame_are_refused(matter: Matter) -> None:
    with matter.new_home() as home:
        matter.frame_root(home)
        log(matter.conversations, [*small_log(), conversation("late", ("user", "one more"), ("assistant", "yes"))])
        with pytest.raises(Refused, match=r"answer\.inputs-changed"):
            matter.finish(home)


def test_an_edited_order_is_another_order(matter: Matter) -> None:
    with matter.new_home() as home:
        matter.frame_root(home)
        matter.size = 3
        matter.write_order()
        with pytest.raises(Refused, match=r"answer\.other-order"):
            matter.finish(home)


def test_a_frame_rule_that_the_source_cannot_answer_is_refused_by_name(matter: Matter) -> None:
    matter.frame = 'exclusions = ["tier:enterprise"]'
    matter.write_order()
    with matter.new_home() as home, pytest.raises(Refused, match=r"sample\.lacking-field.*tier"):
        matter.finish(home)


def test_damaged_records_are_listed_and_the_others_answered(matter: Matter) -> None:
    matter.conversations.write_text(matter.conversations.read_text() + '{"id": "broken", "turns": [{"role"\n')
    with matter.new_home() as home:
        done = matter.finish(home)
    assert done["produced"] == 12
    assert done["exceptions"] == 1
    listed = [json.loads(line) for line in (matter.out / "exceptions.jsonl").read_text().splitlines()]
    assert [(row["stage"], row["code"]) for row in listed] == [("ingest", "ingest.not-json")]
    assert len((matter.out / "production/LOGS/exceptions.csv").read_text().splitlines()) == 2


def test_without_works_nothing_is_answered(matter: Matter) -> None:
    with matter.new_home() as home, pytest.raises(Malformed, match=r"answer\.no-works"):
        matter.finish(home, works=())


def test_a_conversation_s_place_can_be_asked(matter: Matter) -> None:
    matter.frame = 'exclusions = ["output_missing"]'
    matter.size = 5
    matter.write_order()
    with matter.new_home() as home:
        with pytest.raises(Refused, match=r"sample\.no-frame"):
            sample.check(home, matter.order, ["repro"], None)
        matter.finish(home)
        told = {row["id"]: row for row in sample.check(home, matter.order, ["repro", "mute", "nobody"], None)}
    assert told["repro"]["status"] == "in-frame"
    assert told["repro"]["drawn"] in (True, False)
    assert told["mute"] == told["mute"] | {"status": "excluded", "rule": "output_missing"}
    assert told["nobody"]["status"] == "unknown"


def test_a_larger_draw_contains_the_smaller(matter: Matter) -> None:
    matter.size = 4
    matter.write_order()
    with matter.new_home() as home:
        matter.finish(home)
        small = home.matter_path("26-cv-9001") / sample.DRAW
        extends = digest(small.read_bytes())
        for name in ("requester.reveal", "neutral.reveal"):
            (matter.path / name).unlink()
        matter.size = 9
        matter.write_order(fallback=f'refuse"\nextends = "{extends}')
        matter.order.write_text(matter.order.read_text().replace("26-cv-9001", "26-cv-9002"))
        done = matter.finish(home, out=matter.path / "more")
        larger = home.matter_path("26-cv-9002") / sample.DRAW
        first, second = ({json.loads(line)["row"] for line in path.read_text().splitlines()[1:]} for path in (small, larger))
    assert done["drawn"] == 9
    assert len(first) == 4
    assert first < second
    assert done["verdict"].startswith("verified")


def test_an_extension_of_a_draw_that_nobody_made_is_refused(matter: Matter) -> None:
    matter.size = 4
    matter.write_order(fallback=f'refuse"\nextends = "{"0" * 64}')
    with matter.new_home() as home, pytest.raises(Refused, match=r"sample\.unknown-draw"):
        matter.finish(home)


def test_a_second_seed_of_a_party_is_refused(matter: Matter) -> None:
    matter.size = 4
    matter.write_order()
    with matter.new_home() as home:
        root = matter.frame_root(home)
        one = matter.reveal(root, "requester")
        with pytest.raises(Awaiting):
            answer(home, matter.request(reveals=(one,)))
        kept = home.matter_path("26-cv-9001") / "reveals/requester.json"
        kept.write_bytes(kept.read_bytes() + b"\n")
        with pytest.raises(Refused, match=r"sample\.second-reveal"):
            answer(home, matter.request(reveals=(one,)))


def test_an_empty_frame_is_refused(matter: Matter) -> None:
    matter.frame = 'from = "2020-01"\nto = "2020-02"'
    matter.write_order()
    with matter.new_home() as home, pytest.raises(Refused, match=r"sample\.empty-frame"):
        matter.finish(home)


def test_rows_without_ids_are_refused(matter: Matter) -> None:
    given = log(matter.path / "rows.jsonl", [{"row": "ab" * 16}])
    with matter.new_home() as home, pytest.raises(Malformed, match=r"sample\.bad-rows"):
        matter.finish(home, rows=given)


def test_a_delivered_document_is_taken_back_by_a_signed_overlay(matter: Matter) -> None:
    from incamera.clerk.produce import take_back
    from incamera_verify import overlay

    with matter.new_home() as home:
        matter.finish(home)
        made = take_back(
            home, matter.order, matter.out / "production", matter.path / "overlay",
            name="VOL001-C1", bates=["INC000000001"], reason="PRIV-AC", basis="502(d)",
        )  # fmt: skip
    report = overlay.verify(made, Trust.parse((matter.out / "trust.toml").read_bytes()))
    assert report.established


def test_an_order_whose_condition_nobody_can_meet_here_lets_nothing_leave(matter: Matter) -> None:
    matter.more = "[deidentification]\nmax_leak_rate = 0.01"
    matter.write_order()
    with matter.new_home() as home, pytest.raises(Refused, match=r"answer\.bound-not-established"):
        matter.finish(home)
    assert not (matter.out / "production").exists()


def test_a_volume_without_one_of_its_lanes_is_refused(matter: Matter) -> None:
    matter.lanes = ("document",)
    matter.write_order()
    with matter.new_home() as home, pytest.raises(Refused, match=r"answer\.lanes"):
        matter.finish(home)


def test_a_volume_that_was_altered_before_delivery_is_not_passed_on(matter: Matter) -> None:
    with matter.new_home() as home:
        matter.finish(home)
        readme = matter.out / "production/README.txt"
        readme.write_text(readme.read_text() + "one line more\n")
        with pytest.raises(Refused, match=r"answer\.not-verified"):
            matter.finish(home)
        outcomes = [past.entry.fields["outcome"] for past in home.ledger.entries() if past.entry.act == "production.verified"]
    assert outcomes == ["verified", "refused"]


def test_half_a_surrogate_pair_does_not_keep_a_matter_from_being_answered(matter: Matter) -> None:
    rows_ = [*small_log(), conversation("torn", ("user", "a torn emoji \ud83d stands here"), ("assistant", "so it does \udc00"))]
    matter.conversations.write_text("".join(json.dumps(row) + "\n" for row in rows_))
    with matter.new_home() as home:
        assert matter.finish(home)["produced"] == 13
    assert any("\ufffd stands" in json.dumps(row, ensure_ascii=False) for row in rows(matter.out))


def test_one_conversation_that_cannot_be_examined_is_listed_and_the_others_answered(
    matter: Matter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from incamera.clerk.examine import MatchThenRedact

    whole = MatchThenRedact.examine

    def picky(self: Any, conversations: Any, *more: Any) -> Any:
        if any(c.id == "talk3" for c in conversations):
            raise Malformed("canon.not-canonical", "made to fail")
        return whole(self, conversations, *more)

    monkeypatch.setattr(MatchThenRedact, "examine", picky)
    with matter.new_home() as home:
        done = matter.finish(home)
    assert (done["drawn"], done["produced"]) == (12, 11)
    listed = (matter.out / "production/LOGS/exceptions.csv").read_text()
    assert "canon.not-canonical" in listed
    assert "talk3" not in listed


def test_a_language_model_s_name_that_is_somebody_s_number_does_not_leave(matter: Matter) -> None:
    numbers = ("078-05-1120", "192.168.1.77", "4111 1111 1111 1111")
    known = ("gpt-4o-2024-08-06", "claude-3-5-sonnet-20241022", "text-davinci-003")
    more = [
        {**conversation(f"llm{n}", ("user", "hello"), ("assistant", "hello to you"))} for n, _ in enumerate((*numbers, *known))
    ]
    for record, llm in zip(more, (*numbers, *known), strict=True):
        record["turns"][1]["llm"] = llm
    log(matter.conversations, [*small_log(), *more])
    with matter.new_home() as home:
        matter.finish(home)
    produced = json.dumps(rows(matter.out))
    assert not [n for n in numbers if n in produced]
    assert all(name in produced for name in known)


def test_works_that_are_left_out_are_named(matter: Matter) -> None:
    log(matter.works, [*article_works(), {"work_id": "empty-one", "text": ""}])
    with matter.new_home() as home:
        matter.finish(home)
    assert table(matter.out, "works_refused") == [{"work_id": "empty-one", "code": "matching.work-empty"}]


def test_an_interrupted_run_says_so_in_the_ledger(matter: Matter, monkeypatch: pytest.MonkeyPatch) -> None:
    from incamera.clerk import answer as answering

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(answering, "index_works", interrupted)
    with matter.new_home() as home:
        with pytest.raises(KeyboardInterrupt):
            matter.finish(home)
        ends = [past.entry.fields for past in home.ledger.entries() if past.entry.act == "run.finished"]
    assert (ends[-1]["outcome"], ends[-1]["code"]) == ("failed", "run.interrupted")


def test_what_stays_with_the_holder_is_not_for_other_eyes(matter: Matter) -> None:
    with matter.new_home() as home:
        matter.finish(home)
    assert (matter.out / "exceptions.jsonl").stat().st_mode & 0o077 == 0


def test_a_home_whose_making_was_cut_short_is_made_again(matter: Matter) -> None:
    matter.new_home().close()
    (matter.home_path / "home.toml").unlink()
    with matter.new_home() as home:
        assert matter.finish(home)["produced"] == 12
    (matter.path / "other").mkdir()
    (matter.path / "other" / "letter.txt").write_text("kept")
    with pytest.raises(Refused, match=r"home\.not-empty"):
        matter.new_home(matter.path / "other")
    assert (matter.path / "other" / "letter.txt").read_text() == "kept"


def test_a_tier_that_is_somebody_s_name_leaves_nowhere(matter: Matter) -> None:
    named = [{**row, "tier": tier} for row, tier in zip(small_log(), ["Quackenbush", "quackenbush", *["plus"] * 10], strict=True)]
    log(matter.conversations, named)
    matter.strata = ("tier",)
    matter.write_order()
    with matter.new_home() as home:
        matter.finish(home)
    for path in sorted((matter.out / "production").rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            assert b"uackenbush" not in (gzip.decompress(data) if path.suffix == ".gz" else data), path.name
    assert {row["tier"] for row in rows(matter.out)} == {"plus", "unknown"}
