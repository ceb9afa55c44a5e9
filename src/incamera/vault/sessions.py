"""One connection to each broker per thread, so that a worker asks for a thousand fragments over one socket."""

from __future__ import annotations

import os
import threading

from incamera.vault.wire import Client

_local = threading.local()


def client(address: str) -> Client:
    """This thread's connection to the broker at *address*; a forked child never shares its parent's."""
    held: dict[str, Client] = _local.__dict__.setdefault(f"clients-{os.getpid()}", {})
    if address not in held:
        held[address] = Client(address)
    return held[address]


def drop(address: str) -> None:
    """Close this thread's connection, so that a broker started again at the same address is found."""
    held: dict[str, Client] = _local.__dict__.get(f"clients-{os.getpid()}", {})
    if address in held:
        held.pop(address).close()
