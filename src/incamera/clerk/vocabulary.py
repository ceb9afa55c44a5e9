"""The frozen vocabulary of a draw at rest: sealed under the matter's key. `deid.vocabulary` counts and freezes it."""

from __future__ import annotations

from pathlib import Path

from incamera.clerk.home import write_atomically
from incamera.core.canon import pack, unpack
from incamera.core.errors import Malformed
from incamera.deid.vocabulary import Vocabulary
from incamera.vault import envelope

_AAD = b"incamera/vocabulary/1"


def write(path: Path, vocabulary: Vocabulary, key: bytes) -> None:
    """Keep a frozen vocabulary, sealed under the matter's key: words of k people, but of this draw's people."""
    body = {"k": vocabulary.k, "subjects": vocabulary.subjects, "words": sorted(vocabulary.words), "bits": dict(vocabulary.bits)}
    write_atomically(path, envelope.seal(key, pack(body), _AAD), mode=0o600)


def read(path: Path, key: bytes) -> Vocabulary:
    """The vocabulary that `write` kept.

    Raises:
        Unverified: `vault.not-authentic`. Malformed: `vocabulary.damaged`.
    """
    body = unpack(envelope.unseal(key, path.read_bytes(), _AAD, where=path.name), dict)
    try:
        return Vocabulary(k=body["k"], subjects=body["subjects"], words=frozenset(body["words"]), bits=body["bits"])
    except KeyError:
        raise Malformed("vocabulary.damaged", "the sealed vocabulary lacks a field", where=path.name) from None
