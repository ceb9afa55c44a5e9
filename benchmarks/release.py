"""CPU of a key release by the broker, bare and with the grant's list and the access policies: `python benchmarks/release.py`.

Windows of 4,096 rows in file order, as a scan asks for them; one process, a real ledger. First line free, second with every
conversation under a hold. Quote the ratio and the CPU; state the machine's load.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from incamera.clerk.home import Home
from incamera.core.records import Grant
from incamera.testing.grants import issue
from incamera.testing.vaults import conversation
from incamera.vault.broker import Broker

WINDOW = 4096


def microseconds(broker: Broker, grant: Grant, crefs: list[bytes]) -> float:
    """CPU microseconds a conversation, over all of them once."""
    started = time.process_time()
    for low in range(0, len(crefs), WINDOW):
        broker.release(grant, crefs[low : low + WINDOW])
    return 1e6 * (time.process_time() - started) / len(crefs)


def measure(home: Home, bare: Broker, crefs: list[bytes], rounds: int) -> tuple[float, float]:
    """Best of *rounds*, interleaved: without list and gate, with both."""
    root = home.vault.list_for_grant(cref.hex() for cref in crefs)  # type: ignore[misc]
    plain, gated = [], []
    for _ in range(rounds):
        grants = [issue(home.grant_key, home.ledger, now=home.clock.now(), max_records=10**9, listed=r) for r in (None, root)]
        plain.append(microseconds(bare, grants[0], crefs))
        gated.append(microseconds(home.vault.broker, grants[1], crefs))
    return min(plain), min(gated)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--conversations", type=int, default=20480)
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    count = given.conversations
    with (
        tempfile.TemporaryDirectory() as place,
        Home.create(Path(place) / "home", origin="bench.example/ledger", passphrase="bench") as home,
    ):
        home.vault.put(conversation(n, subjects=max(7, count // 20)) for n in range(count))
        crefs = [bytes(row[0]) for row in home.vault.keyring.database.rows("SELECT cref FROM conversation_key ORDER BY slot")]
        bare = Broker(
            home.vault.keyring,
            home.vault._state,
            appender=home.ledger,
            clock=home.clock,
            grant_key=home.grant_key,
            log=home.ledger_keys,
        )
        for held in (False, True):
            if held:
                home.vault.place_hold("HOLD", (cref.hex() for cref in crefs), matter="m-1", order="ab" * 32)  # type: ignore[misc, arg-type]
            plain, gated = measure(home, bare, crefs, given.rounds)
            state = "all held" if held else "none held"
            print(
                f"{state}: bare {plain:.1f}, with list and gate {gated:.1f} us of CPU a conversation ({gated / plain:.2f} times)"
            )


if __name__ == "__main__":
    main()
