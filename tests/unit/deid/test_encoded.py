"""A look inside base64: bounded, linear, and only ever adding."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera.core.ids import Commitment
from incamera.core.records import Account, Conversation, Part, Turn
from incamera.deid.apply import apply, redact_text
from incamera.deid.encoded import runs
from incamera.deid.find import find
from incamera.deid.recipe import load

TOKEN = ('{"alg":"HS256"}', '{"name":"Ruth Klinger"}')
SECRET = "Ruth Klinger, r.klinger@example.org"


def b64(text: str, encoding: str = "utf-8") -> str:
    return base64.b64encode(text.encode(encoding)).decode()


def url64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("see " + b64(SECRET), [SECRET]),
        ("data:text/plain;base64," + b64(SECRET), [SECRET]),
        (".".join([*map(url64, TOKEN), "AAAA_w"]), list(TOKEN)),
        ("https://a.example/view/" + b64(SECRET), [SECRET]),
        ("-enc " + b64("Write-Host Ruth Klinger", "utf-16-le"), ["Write-Host Ruth Klinger"]),
        ("body:\n" + base64.encodebytes((SECRET * 5).encode()).decode(), [SECRET * 5]),
        ("k=" + b64("naïve café Müller"), ["naïve café Müller"]),
    ],
)
def test_runs_that_say_something_are_read(text, inside):
    found = list(runs(text))
    assert [run.text for run in found] == inside
    assert all(0 <= run.start < run.end <= len(text) for run in found)


@pytest.mark.parametrize(
    "text",
    [
        "internationalization and state-of-the-art-solutions",
        "src/incamera/deid/adapters/spacy.py",
        "0123456789abcdef0123456789ABCDEF0123456789abcdef",
        "-" * 60 + "_" * 60,
        base64.b64encode(bytes(range(128, 256)) * 4).decode(),
        "A" * 400,
        "",
    ],
)
def test_what_says_nothing_is_left_to_the_gate(text):
    assert list(runs(text)) == []


@given(
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=12, max_size=200),
    st.text("ab .,", max_size=9),
)
def test_every_readable_text_is_found_again_where_it_stands(said, before):
    text = f"{before} {b64(said)}"
    run = text[len(before) + 1 :]
    if run.islower() or run.isupper():
        return
    found = list(runs(text))
    assert [(r.start, r.end) for r in found] == [(len(before) + 1, len(text))]
    assert found[0].text == said or said.encode().decode("utf-16-le", "ignore") == found[0].text


@given(st.text("aZ9+/=_-\n .", max_size=300))
def test_runs_are_in_order_and_apart(text):
    last = 0
    for run in runs(text):
        assert last <= run.start < run.end <= len(text)
        last = run.end


@pytest.mark.parametrize("text", ["A" * 1_000_000, "aB/" * 300_000, "aB9\n" * 200_000, ("aB" * 10 + "\n") * 20_000])
def test_hostile_runs_take_linear_time(text):
    begun = time.process_time()
    list(runs(text))
    assert time.process_time() - begun < 10


def conversation(*texts: str) -> Conversation:
    turns = tuple(Turn(index=i, role="user", parts=(Part(kind="text", path="text", text=t),)) for i, t in enumerate(texts))
    return Conversation(id="", subject="", source="plain", turns=turns)


def redacted(*texts: str, account: Account | None = None) -> list[str]:
    talk, recipe = conversation(*texts), load()
    found = find(talk, recipe=recipe, account=account)
    return [t.parts[0].text for t in apply(talk, found, recipe=recipe, source=Commitment("")).turns]


def test_a_finding_inside_replaces_the_whole_run_at_exact_offsets():
    text = f"the value is {b64(SECRET)} and no other"
    found = find(conversation(text), recipe=load())
    (finding,) = [f for f in found.findings if f.detector == "encoded"]
    assert text[finding.span.start : finding.span.end] == b64(SECRET).rstrip("=") + "=" * b64(SECRET).count("=")
    assert finding.kind == "direct"
    assert finding.label == "EMAIL"


def test_offsets_count_the_text_as_received():
    text = f"\u200b\u200bthe \uff56alue &amp; {b64(SECRET)} now"
    (finding,) = [f for f in find(conversation(text), recipe=load()).findings if f.detector == "encoded"]
    assert text[finding.span.start : finding.span.end] == b64(SECRET)


def test_a_name_found_inside_is_followed_outside_and_the_other_way_round():
    said = "my name is zorblat and i like tea very much"
    assert "zorblat" not in redacted(b64(said), "zorblat said so, and zorblat knows")[1]
    hidden = b64("the kettle of quimberly stands on the table")
    assert hidden not in redacted("My name is Quimberly", f"see {hidden}")[1]


def test_what_the_account_knows_is_found_inside():
    hidden = b64("please write to may at the office")
    account = Account(subject="s", names=("May",))
    assert hidden not in redacted(f"see {hidden}", account=account)[0]


def test_base64_in_base64_is_read_and_no_deeper_than_said():
    twice = b64("see " + b64(SECRET))
    found = find(conversation(f"x {twice}"), recipe=load())
    assert [f.label for f in found.findings if f.detector == "encoded"] == ["EMAIL"]


def test_unreadable_script_inside_is_not_passed_through():
    hidden = b64("東京都渋谷区に住んでいる山田太郎です")
    assert hidden not in redact_text(f"see {hidden}")


def test_a_second_pass_changes_nothing():
    once = redact_text(f"the value is {b64(SECRET)} and data:text/plain;base64,{b64('good morning to you all')}")
    assert redact_text(once) == once
