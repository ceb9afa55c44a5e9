"""leaking-log: planted secrets appear in no log line, repr, exception, ledger leaf, temp file, or anywhere else in the clear.

A matter is walked with secrets in every place a source can carry text; then every byte that the run left, printed, logged
or raised is searched for them.
"""

from __future__ import annotations

import gzip
import io
import json
import logging
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "journeys"))

from parties import Matter, article_works, log, small_log

from incamera.clerk import examine as examination
from incamera.clerk.answer import answer
from incamera.core.errors import Error
from incamera.core.records import Conversation, Part, Turn

SECRETS = {
    "name": "Quillonia Vesterbrynd",
    "email": "quillonia.vesterbrynd@example.org",
    "phone": "+44 20 7946 0123",
    "key": "sk-live-9fKq27ZpXv81LmTd44WcRbNs",
    "title": "Vesterbryndish",
    "file": "vesterbrynd_payslip.pdf",
}


class Listener:
    """A Watcher and a log handler at once: keeps whatever it is told."""

    def __init__(self) -> None:
        self.heard = io.StringIO()

    def stage(self, name: str, total: int | None = None) -> None:
        self.heard.write(f"{name} {total}\n")

    def advance(self, count: int = 1) -> None:
        self.heard.write(f"{count}\n")

    def note(self, line: str) -> None:
        self.heard.write(line + "\n")


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Matter, Listener]]:
    path = tmp_path / "matter"
    path.mkdir()
    temporary = Path(tempfile.mkdtemp(prefix="ic", dir="/tmp"))  # short: the engine's sockets stand in it
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    record = {
        "id": "planted",
        "subject": "subject-planted",
        "started_at": "2024-05-03T00:00:00+00:00",
        "title": f"{SECRETS['title']} matters",
        "turns": [
            {"role": "user", "text": f"I am {SECRETS['name']}, mail {SECRETS['email']} or ring {SECRETS['phone']}."},
            {"role": "assistant", "text": f"Set OPENAI_API_KEY={SECRETS['key']} in your shell, {SECRETS['name']}."},
            {
                "role": "user",
                "text": f"see {SECRETS['file']}",
                "sources": [f"https://example.org/{SECRETS['name'].replace(' ', '-')}"],
            },
        ],
    }
    accounts = [
        {"subject": "subject-planted", "names": [SECRETS["name"]], "emails": [SECRETS["email"]], "phones": [SECRETS["phone"]]}
    ]
    matter = Matter(
        path=path,
        conversations=log(tmp_path / "source.jsonl", [record, *small_log()]),
        works=log(path / "works.jsonl", article_works()),
        accounts=log(tmp_path / "accounts.jsonl", accounts),
    )
    listener = Listener()
    handler = logging.StreamHandler(listener.heard)
    logging.getLogger().addHandler(handler)
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    yield matter, listener
    logging.getLogger().removeHandler(handler)


def contents(root: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(root.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            yield str(path.relative_to(root)), data
            if data[:2] == b"\x1f\x8b":
                yield f"{path.relative_to(root)} (unpacked)", gzip.decompress(data)


def forms(secret: str) -> list[bytes]:
    return [secret.encode(), secret.lower().encode(), secret.encode("utf-16-le"), json.dumps(secret)[1:-1].encode()]


def assert_silent(where: str, data: bytes) -> None:
    for name, secret in SECRETS.items():
        assert not any(form in data for form in forms(secret)), f"the planted {name} stands in {where}"


def test_nothing_the_run_leaves_prints_or_logs_holds_a_planted_secret(
    planted: tuple[Matter, Listener], capfd: pytest.CaptureFixture[str]
) -> None:
    matter, listener = planted
    with matter.new_home() as home:
        root = matter.frame_root(home)
        reveals = tuple(matter.reveal(root, party) for party in matter.parties)
        approvals = (matter.approve("counsel", home), matter.approve("privacy", home))
        answer(home, matter.request(reveals=reveals, approvals=approvals, processes=1), watch=listener)
    said = capfd.readouterr()
    assert_silent("stdout and stderr", (said.out + said.err).encode())
    assert_silent("progress and logs", listener.heard.getvalue().encode())
    assert "match and de-identify" in listener.heard.getvalue()
    searched = 0
    for root_ in (matter.path, Path(tempfile.gettempdir())):
        for where, data in contents(root_):
            assert_silent(where, data)
            searched += 1
    assert searched > 60


def test_a_step_that_fails_raises_no_text(planted: tuple[Matter, Listener], monkeypatch: pytest.MonkeyPatch) -> None:
    matter, _ = planted

    def explode(self: object, conversations: list[Conversation], *more: object) -> None:
        raise ValueError(f"could not read {[c.turns[0].parts[0].text for c in conversations]}")

    monkeypatch.setattr(examination.MatchThenRedact, "examine", explode)
    with matter.new_home() as home, pytest.raises(Error) as raised:
        matter.finish(home)
    chain: BaseException | None = raised.value
    while chain is not None:
        assert_silent("the exception", f"{chain!r} {chain} {chain.args}".encode())
        chain = chain.__cause__ or chain.__context__


def test_records_show_no_text_in_their_repr() -> None:
    part = Part(kind="text", path="p", text=SECRETS["name"])
    turn = Turn(index=0, role="user", parts=(part,), sources=(SECRETS["email"],), tool=SECRETS["file"])
    conversation = Conversation(id=SECRETS["email"], subject=SECRETS["name"], source="x", turns=(turn,), header=(part,))
    assert_silent("a repr", f"{part!r}{turn!r}{conversation!r}{[conversation]!r}".encode())
