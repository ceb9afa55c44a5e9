"""What may be asked of the process that opens keys.db: a closed table of operations, each with its level, strictly read.

A frame is four bytes of length and one MessagePack value. Who asks sends `[version, operation, {argument: value}]`; the
answer is `[value, null]`, or `[null, [family, code, hint, where]]`. One answer to each question, in order, and no more than
one question at a time. See `docs/formats/broker.md`.
"""

from __future__ import annotations

import inspect
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any, TypeVar, get_type_hints

import msgspec

from incamera.core import errors
from incamera.core.errors import Error, Malformed, Refused, Unavailable
from incamera.vault.broker import Party

#: `incamera/broker/1` on the wire; another table or another meaning of an operation is another number.
VERSION = 1
ANSWER_BYTES_MAX = 256 << 20
_REF_BYTES = 16
Value = TypeVar("Value")
_LENGTH = struct.Struct(">I")


class Level(IntEnum):
    """What an account of the operating system may ask for; each level may do what the ones before it may.

    A worker gets keys for a grant. A clerk takes conversations in and answers an order; it can neither open anything without
    a grant nor destroy anything. The custodian is whoever may start the broker: everything, within the locks.
    """

    WORKER = 1
    CLERK = 2
    CUSTODIAN = 3


#: The longest question, by level: a worker asks with a grant and references, a clerk brings keys and accounts to be sealed.
ASK_BYTES_MAX: Mapping[Level, int] = {Level.WORKER: 4 << 20, Level.CLERK: 64 << 20, Level.CUSTODIAN: 64 << 20}


@dataclass(frozen=True)
class Operation:
    """One thing that may be asked, by whom, and what does it.

    *run*'s annotated arguments are the arguments of the question, all of them; one named `level` is told who asks instead.
    """

    level: Level
    run: Callable[..., Any]

    @cached_property
    def _told(self) -> bool:
        return "level" in inspect.signature(self.run).parameters

    @cached_property
    def _arguments(self) -> msgspec.msgpack.Decoder[Any]:
        hints = get_type_hints(self.run, include_extras=True)
        fields = [(name, hints[name]) for name in inspect.signature(self.run).parameters if name != "level"]
        return msgspec.msgpack.Decoder(msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True))

    def __call__(self, arguments: msgspec.Raw, level: Level) -> Any:
        """Raises `Refused` (`vault.not-permitted`), or `msgspec.ValidationError` where an argument is not what it should be."""
        if level < self.level:
            hint = f"this account asks as {level.name.lower()}, and this is for a {self.level.name.lower()}"
            raise Refused("vault.not-permitted", hint)
        given = msgspec.structs.asdict(self._arguments.decode(arguments))
        return self.run(**given, **({"level": level} if self._told else {}))


Operations = Mapping[str, Operation]


class Released(msgspec.Struct, array_like=True):
    """`broker.Release` as it travels: `keys` holds cref and key of each conversation, 48 bytes, one after the other."""

    keys: bytes
    classes: dict[bytes, int]
    parties: dict[bytes, Party]


class _Ask(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    version: int
    operation: str
    arguments: msgspec.Raw


class _Answer(msgspec.Struct, array_like=True):
    value: msgspec.Raw
    error: tuple[str, str, str, str] | None


_ASK = msgspec.msgpack.Decoder(_Ask)
_ANSWER = msgspec.msgpack.Decoder(_Answer)
_encode = msgspec.msgpack.encode


def asking(operation: str, arguments: Mapping[str, Any]) -> bytes:
    """A question, ready to be framed."""
    return _encode((VERSION, operation, arguments))


def answered(operations: Operations, question: bytes, level: Level) -> bytes:
    """The answer to *question*, whatever is in it: what went wrong becomes an error that names no key and no text."""
    try:
        ask = _ASK.decode(question)
        if ask.version != VERSION:
            raise _bad_request()
        operation = operations.get(ask.operation)
        if operation is None:
            raise Malformed("vault.unknown-operation", "this broker answers no such question; use the client of its version")
        return _encode((operation(ask.arguments, level), None))
    except Error as flaw:
        return _refusing(flaw)
    except msgspec.MsgspecError:
        return _refusing(_bad_request())
    except Exception:  # noqa: BLE001 - whatever went wrong, the asker gets a refusal and no detail that could hold a key
        return _refusing(Unavailable("vault.broker-failed", "the broker failed and released nothing"))


def _refusing(flaw: Error) -> bytes:
    return _encode((None, (type(flaw).__name__, flaw.code, flaw.hint, flaw.where)))


def value_of(answer: bytes, kind: type[Value]) -> Value:
    """What an answer says. Raises the error that it brings, as it was raised on the other side."""
    read = _ANSWER.decode(answer)
    if read.error is not None:
        family, code, hint, where = read.error
        known = getattr(errors, family, None)
        flaw = known if isinstance(known, type) and issubclass(known, Error) else Unavailable
        raise flaw(code, hint, where=where)
    return msgspec.msgpack.decode(read.value, type=kind)


def _bad_request() -> Malformed:
    return Malformed("vault.bad-request", "the broker was sent something that is no request of its version")


# --- frames ---------------------------------------------------------------------------------------------------------


def frame(payload: bytes) -> bytes:
    """*payload* behind its length."""
    return _LENGTH.pack(len(payload)) + payload


def receive(connection: socket.socket, limit: int) -> bytes | None:
    """One frame, or None where the other side is done. Raises `Malformed` (`vault.bad-request`) beyond *limit* bytes."""
    head = _exactly(connection, _LENGTH.size)
    if head is None:
        return None
    (size,) = _LENGTH.unpack(head)
    if size > limit:
        raise Malformed("vault.bad-request", "a frame exceeds its limit")
    return _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    buffer = bytearray(size)
    view = memoryview(buffer)
    got = 0
    while got < size:
        count = connection.recv_into(view[got:])
        if count == 0:
            return None
        got += count
    return bytes(buffer)


def refs(data: bytes) -> list[bytes]:
    """References that travel one after the other, 16 bytes each. Raises `Malformed` (`vault.bad-request`)."""
    if len(data) % _REF_BYTES:
        raise _bad_request()
    return [data[low : low + _REF_BYTES] for low in range(0, len(data), _REF_BYTES)]
