"""`incamera demo`: three parties, each with its own home and keys, walk one order from log to verified volume.

Only here does one program make everybody's identities, and the certificate's first lines say so. Everything else is the
real thing: the same clerk, vault, ledger, seeds, approvals and verifier. Text follows from a seed; keys never do.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from incamera.clerk import access, evidence, sample
from incamera.clerk.answer import Request, answer
from incamera.clerk.collect import Sources
from incamera.clerk.desk import Desk
from incamera.clerk.home import Home, write_atomically
from incamera.clerk.shown import Shown
from incamera.clerk.tamper import flipped_byte, resigned
from incamera.clerk.watch import Silent, Watcher
from incamera.core.errors import Awaiting, Refused
from incamera.governance import order as orders
from incamera.testing.synth.world import Layout, World, world
from incamera_verify import volume
from incamera_verify.trust import Trust

NUMBER = "26-cv-0417-DEMO"
#: Share of the log that the order asks for; the rules of the frame leave about four fifths.
SHARE = 0.5
_WORKS_MIN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One party's own directory: a home with its own ledger and keys, and its people's key files."""

    name: str
    path: Path
    passphrase: str

    def key(self, role: str) -> Path:
        return self.path / f"{role}.pem"


def demo(out: Path, *, conversations: int, seed: int, processes: int, watch: Watcher) -> Shown:
    """Run the demonstration into *out*; leaves `production/`, `trust.toml`, `homes/`, `input/` and `demo.json` there.

    Raises:
        Refused: `demo.exists`, *out* holds something already.
    """
    if out.exists() and any(out.iterdir()):
        raise Refused("demo.exists", "the directory is not empty; give another --out", where=str(out))
    started = time.perf_counter()
    watch.stage("synthesise logs and works")
    made = world(seed, conversations, works=max(_WORKS_MIN, conversations // 40))
    layout = made.write(out / "input")
    watch.stage("three homes, their people and keys")
    holder, requester, neutral = (_party(out / "homes" / name, name) for name in ("holder", "requester", "neutral"))
    order = _order(out, made, holder, requester, neutral, size=round(conversations * SHARE))
    with Home.open(holder.path / "home", passphrase=holder.passphrase) as home:
        refused = list(_answer(out, layout, home, order, (holder, requester, neutral), processes, watch))
        desk = Desk(home=home, order=orders.load(order))
        shown = evidence.gather(desk, made, out, refused=refused)
    watch.stage("try to cheat")
    trust = Trust.parse((out / "trust.toml").read_bytes(), "trust.toml")
    shown.attacks = [flipped_byte(out / "production", trust), resigned(out / "production", trust)]
    shown.verification = volume.verify(out / "production", trust).text()
    shown.seconds = time.perf_counter() - started
    write_atomically(out / "demo.json", shown.json())
    return shown


def _answer(
    out: Path, layout: Layout, home: Home, order: Path, parties: tuple[Party, Party, Party], processes: int, watch: Watcher
) -> Iterator[tuple[str, str]]:
    """The holder's run, with what the others send it; yields each refusal on the way as (what was tried, what was said)."""
    holder, requester, neutral = parties
    base = Request(
        order=order,
        sources=Sources(conversations=(layout.conversations,), accounts=layout.accounts),
        works=(layout.works,),
        out=out,
        processes=processes,
    )

    def attempt(**more: tuple[Path, ...]) -> Awaiting | None:
        try:
            answer(home, replace(base, **more), watch=watch)  # type: ignore[arg-type]
        except Awaiting as flaw:
            return flaw
        return None

    if (early := attempt()) is not None:
        yield "an answer before any seed was revealed", str(early)
    root = str((Desk(home=home, order=orders.load(order), watch=Silent()).done("frame") or {})["root"])
    reveals = tuple(_reveal(party, order, root) for party in (requester, neutral))
    one = _approve(holder, order, "counsel", home.log_key)
    if (single := attempt(reveals=reveals, approvals=(one,))) is not None:
        yield "an answer with a single approver", str(single)
    attempt(reveals=reveals, approvals=(one, _approve(holder, order, "privacy", home.log_key)))


# --- parties ----------------------------------------------------------------------------------------------------------


def _party(path: Path, name: str) -> Party:
    party = Party(name=name, path=path, passphrase=secrets.token_urlsafe(24))
    path.mkdir(parents=True)
    write_atomically(path / "passphrase", party.passphrase.encode() + b"\n", mode=0o600)
    Home.create(path / "home", origin=f"{name}.example/ledger", passphrase=party.passphrase, demonstration=True).close()
    for role, person in {
        "holder": (("counsel", "C. Counsel, for the holder"), ("privacy", "P. Officer, privacy")),
        "requester": (("requester", "E. Expert, for the requesters"),),
        "neutral": (("neutral", "N. Neutral, appointed by the court"),),
    }[name]:
        access.keygen(party.key(role), role=role, name=person, passphrase=None)
    if name != "holder":
        sample.new_seed(path / "seed.json", name)
        _age_identity(path / "age.txt")
    return party


def _age_identity(path: Path) -> None:
    from pyrage import x25519

    identity = x25519.Identity.generate()
    write_atomically(path, f"# public key: {identity.to_public()}\n{identity}\n".encode(), mode=0o600)


def _age_recipient(party: Party) -> str:
    return (party.path / "age.txt").read_text("utf-8").split("\n", 1)[0].removeprefix("# public key: ")


def _reveal(party: Party, order: Path, root: str) -> Path:
    out = party.path / "reveal.json"
    sample.reveal(party.path / "seed.json", party.key(party.name), order, root, out, None)
    return out


def _approve(party: Party, order: Path, role: str, log: str) -> Path:
    from incamera.clerk.clock import SystemClock

    out = party.path / f"{role}.approval.json"
    access.sign_approval(order, party.key(role), log=log, role=role, days=7, out=out, passphrase=None, clock=SystemClock())
    return out


# --- the order ----------------------------------------------------------------------------------------------------------


def _order(out: Path, made: World, holder: Party, requester: Party, neutral: Party, *, size: int) -> Path:
    """A made-up order of a made-up court, naming these parties' real public keys."""
    document = out / "order" / "order.txt"
    write_atomically(document, _DOCUMENT.encode())
    commitments = "\n".join(
        f'[[sample.commitments]]\nparty = "{party.name}"\n'
        f'commitment = "{sample.commitment_of(party.path / "seed.json")}"\nkey = "{access.public_of(party.key(party.name))}"\n'
        for party in (requester, neutral)
    )
    recipients = "\n".join(
        f'[[recipients.keys]]\nname = "{party.name}"\nrole = "{party.name}"\nage = "{_age_recipient(party)}"\n'
        for party in (requester, neutral)
    )
    signers = "\n".join(
        f'[[trust.signers]]\nname = "{name}"\nrole = "{role}"\nkey = "{access.public_of(holder.key(role))}"\n'
        for role, name in (("counsel", "C. Counsel, for the holder"), ("privacy", "P. Officer, privacy"))
    )
    accounts = ", ".join(f'"{subject}"' for subject in made.parties)
    path = out / "order" / "order.toml"
    text = _ORDER.format(
        number=NUMBER, size=size, accounts=accounts, commitments=commitments, recipients=recipients, signers=signers
    )
    write_atomically(path, text.encode())
    return path


_DOCUMENT = """IN THE DEMONSTRATION COURT
Lantern Press Cooperative v. Quill Assistants, No. 26-cv-0417-DEMO

1. The holder shall keep all conversations within the frame until further order.
2. The frame is every conversation from December 2022 to November 2024, other than those of business and school accounts.
3. From it a sample is drawn, stratified by month, by seeds of the requesting side and of the neutral.
4. A conversation is responsive if an output shares twelve or more consecutive words with a claimed work.
5. Conversations are de-identified conservatively before anybody reads them.
6. The de-identified sample is produced in whole, attorneys' eyes only; bulk export to the recipients is allowed.
7. Users need no individual notice of the drawing of the sample.

This order is made up. No such court, case or party exists.
"""

_ORDER = """# The demonstration's order, in words a program can keep. Every key is explained in docs/formats/order.md.

[matter]
caption = "Lantern Press Cooperative v. Quill Assistants"
number = "{number}"
court = "Demonstration Court"
order_date = 2026-01-15
order_document = "order.txt"

[hold]
scope = "frame"
paragraph = "1"

[frame]
from = "2022-12"
to = "2024-11"
exclusions = ["tier:enterprise", "tier:edu", "tier:team", "tier:api"]
paragraph = "2"

[sample]
size = {size}
strata = ["month"]
fallback = "refuse"
paragraph = "3"

{commitments}
[parties]
accounts = [{accounts}]

[matching]
min_words = 8
protect_words = 25

[responsive]
min_run = 12
min_coverage = 0.0
max_commonness = "any"
roles = ["assistant"]
elicitation = "any"
paragraph = "4"

[deidentification]
recipe = "conservative"
paragraph = "5"

[production]
scope = "sample"
designation = "HIGHLY CONFIDENTIAL - ATTORNEYS' EYES ONLY"
prefix = "DEMO"
volume = "VOL001"
lanes = ["document", "bulk", "bulk-export"]
paragraph = "6"

[notice]
exemption_paragraph = "7"

{recipients}
{signers}"""
