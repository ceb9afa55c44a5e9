"""Numba kernels that fold and tokenise UTF-8 buffers. Import this module lazily: it brings LLVM.

Texts come as one byte buffer and int64 bounds, as Arrow lays them out, in UTF-8 that may hold lone surrogates (three bytes
each). `tables(fold)` is the one argument that carries the fold. `word_hashes` is the fast one: eight bytes at a time, hashes
only. `tokenise` also gives the folded characters and where each word stands in the original, in code points.
"""

# Kernels are written for the compiler: plain loops, plain comparisons, arguments by position.
# ruff: noqa: SIM109, PLR1714, PLR1730

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic as _intrinsic

from incamera.text import fold as _fold

_SEP = _fold.SEPARATOR
_DROP = _fold.DROPPED
_EXP = _fold.EXPANSION
_SLOT_MASK = _fold.SLOTS - 1

U = np.uint64
intrinsic: Any = _intrinsic
_insert: Any = cgutils.get_or_insert_function
_SEED = U(0x9E3779B97F4A7C15)
_M1 = U(0xC2B2AE3D27D4EB4F)
_M2 = U(0x165667B19E3779F9)
_ONES = U(0x0101010101010101)
_HIGH = U(0x8080808080808080)
_BIT5 = U(0x2020202020202020)
_FNV = U(0xCBF29CE484222325)
_FNV_PRIME = U(0x100000001B3)


def jit(function: Any, **options: Any) -> Any:
    """`numba.njit` with its cache on disk, or without one where no directory can be written."""
    try:
        compiled = numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # "no locator available": a read-only installation and no home
        return numba.njit(nogil=True, **options)(function)
    _watch(compiled)
    return compiled


def _watch(compiled: Any) -> None:
    """Let the cached code also go when this file or the fold's constants change: they are compiled into kernels elsewhere.

    numba looks at the file of the function only. Where its cache is not built as it was, nothing is lost but this.
    """
    kept: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if hasattr(kept, "_source_stamp"):
        kept._source_stamp = (kept._source_stamp, _stamp())


@functools.cache
def _stamp() -> tuple[tuple[float, int], ...]:
    files = [Path(path).stat() for path in (__file__, str(_fold.__file__))]
    return tuple((file.st_mtime, file.st_size) for file in files)


def inlined(function: Any) -> Any:
    """`jit` for a few lines inside a hot loop: put where they are called, whatever the compiler thinks of it."""
    return jit(function, forceinline=True)


def _loader(width: int, result: Any) -> Any:
    """An intrinsic that reads item *index* of the *width*-bit unsigned (or, at 32 bits, signed) array at an address."""

    @intrinsic  # type: ignore[untyped-decorator]
    def load(typingctx: Any, address: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = builder.inttoptr(args[0], ir.IntType(width).as_pointer())
            value = builder.load(builder.gep(pointer, [args[1]]))
            value.align = width // 8
            if width == 32:
                return builder.sext(value, ir.IntType(64))
            return builder.zext(value, ir.IntType(64)) if width < 64 else value

        return result(types.int64, types.int64), codegen

    return load


# Inside the kernels arrays travel as addresses: no reference counts, no negative indices, code as tight as C. The functions
# that Python calls take arrays, hold them alive, and are the ones that mind the bounds.
load8 = _loader(8, types.int64)
load16 = _loader(16, types.int64)
load32 = _loader(32, types.int64)
load_u64 = _loader(64, types.uint64)


@intrinsic  # type: ignore[untyped-decorator]
def load64(typingctx: Any, address: Any, index: Any) -> Any:
    """Eight bytes from byte *index* of the buffer at *address* on, little-endian, aligned or not."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(builder.add(args[0], args[1]), ir.IntType(64).as_pointer())
        word = builder.load(pointer)
        word.align = 1
        return word

    return types.uint64(types.int64, types.int64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def store64(typingctx: Any, address: Any, index: Any, value: Any) -> Any:
    """Write eight bytes from byte *index* of the buffer at *address* on, little-endian, aligned or not."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(builder.add(args[0], args[1]), ir.IntType(64).as_pointer())
        builder.store(args[2], pointer).align = 1
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.uint64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def store8(typingctx: Any, address: Any, index: Any, value: Any) -> Any:
    """Write the low byte of *value* as byte *index* of the buffer at *address*."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(builder.add(args[0], args[1]), ir.IntType(8).as_pointer())
        builder.store(builder.trunc(args[2], ir.IntType(8)), pointer)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def store_u64(typingctx: Any, address: Any, index: Any, value: Any) -> Any:
    """Write item *index* of the uint64 array at *address*."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        builder.store(args[2], builder.gep(pointer, [args[1]]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.uint64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def trailing_zeros(typingctx: Any, value: Any) -> Any:
    """Count of zero bits below the lowest one bit; 64 for 0."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def lowest(typingctx: Any, value: Any) -> Any:
    """Number of the lowest one bit; 64 for 0."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def classes(typingctx: Any, at: Any) -> Any:
    """Of the 64 bytes at address *at*, one bit each: (ASCII letters and digits, bytes to be looked at one by one:
    NUL, `&` and all that is not ASCII).

    One vector of 64 lanes, which LLVM cuts into what the processor has; nothing branches.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lanes = ir.VectorType(ir.IntType(8), 64)
        x = builder.load(builder.inttoptr(args[0], lanes.as_pointer()))
        x.align = 1

        def all_(value: int) -> Any:
            return ir.Constant(lanes, [value] * 64)

        letter = builder.icmp_unsigned("<", builder.sub(builder.or_(x, all_(0x20)), all_(ord("a"))), all_(26))
        digit = builder.icmp_unsigned("<", builder.sub(x, all_(ord("0"))), all_(10))
        odd = builder.or_(builder.icmp_unsigned(">", x, all_(127)), builder.icmp_unsigned("==", x, all_(ord("&"))))
        odd = builder.or_(odd, builder.icmp_unsigned("==", x, all_(0)))
        masks = [builder.bitcast(mask, ir.IntType(64)) for mask in (builder.or_(letter, digit), odd)]
        return context.make_tuple(builder, signature.return_type, masks)

    return types.UniTuple(types.uint64, 2)(types.int64), codegen  # type: ignore[no-untyped-call]


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(typingctx: Any, address: Any, index: Any) -> Any:
    """Ask for the cache line of item *index* of the uint64 array at *address*; a hint without effect on any result."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.gep(builder.inttoptr(args[0], ir.IntType(64).as_pointer()), [args[1]])
        i32 = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, i32, i32, i32])
        call = _insert(builder.module, kind, "llvm.prefetch.p0")
        builder.call(call, [builder.bitcast(pointer, cgutils.voidptr_t), *(ir.Constant(i32, v) for v in (0, 2, 1))])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


def readonly(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A read-only view: kernels are compiled once, for read-only inputs, whether mapped from a file or made in memory."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


_unspaced = np.array(_fold.UNSPACED, dtype=np.int32).ravel()
_RANGES = len(_unspaced)


def tables(fold: _fold.Fold) -> tuple[int, ...]:
    """The fold as the kernels take it: addresses of its arrays, valid as long as *fold* lives."""
    arrays = (
        fold.pages,
        fold.entries,
        fold.bounds,
        fold.expanded,
        fold.slots,
        fold.name_bounds,
        fold.names,
        fold.name_entries,
        fold.ascii,
        _unspaced,
    )
    return tuple(address(a) for a in arrays)


def address(array: npt.NDArray[Any]) -> int:
    """Where a contiguous array begins."""
    return int(array.__array_interface__["data"][0])


@inlined
def _entry(pages, entries, cp):  # type: ignore[no-untyped-def]
    """What a code point becomes: a code point, SEPARATOR, DROPPED, or EXPANSION + n."""
    entry = load32(entries, load16(pages, cp >> 8) * 256 + (cp & 255))
    if entry == _SEP or entry == _DROP or entry >= _EXP:
        return entry
    return cp + entry


@jit
def _digit(byte):  # type: ignore[no-untyped-def]
    """The value of a hexadecimal digit, or -1."""
    if 48 <= byte <= 57:
        return np.int64(byte) - 48
    byte = byte | 32
    if 97 <= byte <= 102:
        return np.int64(byte) - 87
    return np.int64(-1)


@jit
def _alphanumeric(byte):  # type: ignore[no-untyped-def]
    return 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122


@jit
def _reference(data, i, end, tab):  # type: ignore[no-untyped-def]
    """The character reference at the `&` of byte i: (entry, index behind it); index i where there is none."""
    pages, entries, _, _, slots, name_bounds, names, name_entries, _, _ = tab
    j = i + 1
    if j >= end:
        return np.int64(_SEP), i
    if load8(data, j) == 35:  # '#'
        j += 1
        base, most = 10, 7
        if j < end and (load8(data, j) == 120 or load8(data, j) == 88):
            base, most = 16, 6
            j += 1
        first, value = j, np.int64(0)
        while j < end and j - first <= most:
            d = _digit(load8(data, j))
            if d < 0 or d >= base:
                break
            value = value * base + d
            j += 1
        if j == first or j - first > most or j >= end or load8(data, j) != 59:
            return np.int64(_SEP), i
        if value <= 0 or value > 0x10FFFF or 0xD800 <= value <= 0xDFFF:
            return np.int64(_SEP), i
        return _entry(pages, entries, value), j + 1
    first, h = j, _FNV
    while j < end and j - first <= 32 and _alphanumeric(load8(data, j)):
        h = (h ^ np.uint64(load8(data, j))) * _FNV_PRIME
        j += 1
    size = j - first
    if size < 2 or size > 32 or load8(data, first) < 65 or j >= end or load8(data, j) != 59:
        return np.int64(_SEP), i
    slot = np.int64(h & np.uint64(_SLOT_MASK))
    while load32(slots, slot) >= 0:
        name = load32(slots, slot)
        a = load32(name_bounds, name)
        if load32(name_bounds, name + 1) - a == size:
            same = True
            for x in range(size):
                if load8(names, a + x) != load8(data, first + x):
                    same = False
                    break
            if same:
                return load32(name_entries, name), j + 1
        slot = (slot + 1) & _SLOT_MASK
    return np.int64(_SEP), i


@jit
def step(data, i, end, tab):  # type: ignore[no-untyped-def]
    """Fold what stands at byte i: (entry, index behind it, code points it takes in the original)."""
    b = load8(data, i)
    if b < 128:
        if b == 38:
            entry, j = _reference(data, i, end, tab)
            if j > i:
                return entry, j, j - i  # a reference is ASCII: bytes are code points
            return np.int64(_SEP), i + 1, np.int64(1)
        f = load8(tab[8], b)
        return (np.int64(_SEP) if f == 0 else f), i + 1, np.int64(1)
    if b >= 0xF0 and i + 4 <= end:
        cp = (b & 7) << 18 | (load8(data, i + 1) & 63) << 12 | (load8(data, i + 2) & 63) << 6 | load8(data, i + 3) & 63
        n = 4
    elif 0xE0 <= b < 0xF0 and i + 3 <= end:
        cp = (b & 15) << 12 | (load8(data, i + 1) & 63) << 6 | load8(data, i + 2) & 63
        n = 3
    elif 0xC0 <= b < 0xE0 and i + 2 <= end:
        cp = (b & 31) << 6 | load8(data, i + 1) & 63
        n = 2
    else:  # not UTF-8: never from `offsets.pack`, and no reason to read past the end
        return np.int64(_SEP), i + 1, np.int64(1)
    if cp > 0x10FFFF:
        return np.int64(_SEP), i + n, np.int64(1)
    return _entry(tab[0], tab[1], cp), i + n, np.int64(1)


@jit
def _is_unspaced(cp, unspaced):  # type: ignore[no-untyped-def]
    if cp < load32(unspaced, 0):
        return False
    for r in range(0, _RANGES, 2):
        if cp < load32(unspaced, r):
            return False
        if cp < load32(unspaced, r + 1):
            return True
    return False


# A word's hash: its folded UTF-8 in chunks of eight bytes, little-endian, the last one padded with zeros; then its length.


@inlined
def _mix(h, chunk):  # type: ignore[no-untyped-def]
    h = (h ^ chunk) * _M1
    return h ^ (h >> U(32))


@inlined
def _close(h, chunk, size):  # type: ignore[no-untyped-def]
    h = (_mix(h, chunk) + np.uint64(size)) * _M2
    return h ^ (h >> U(29))


@inlined
def _push_byte(h, chunk, size, byte):  # type: ignore[no-untyped-def]
    chunk |= np.uint64(byte) << np.uint64((size & 7) << 3)
    size += 1
    if size & 7 == 0:
        h = _mix(h, chunk)
        chunk = U(0)
    return h, chunk, size


@jit
def push(h, chunk, size, c):  # type: ignore[no-untyped-def]
    """Take one folded code point into a word's hash."""
    if c < 0x80:
        return _push_byte(h, chunk, size, c)
    if c < 0x800:
        h, chunk, size = _push_byte(h, chunk, size, 0xC0 | c >> 6)
    else:
        if c < 0x10000:
            h, chunk, size = _push_byte(h, chunk, size, 0xE0 | c >> 12)
        else:
            h, chunk, size = _push_byte(h, chunk, size, 0xF0 | c >> 18)
            h, chunk, size = _push_byte(h, chunk, size, 0x80 | (c >> 12 & 63))
        h, chunk, size = _push_byte(h, chunk, size, 0x80 | (c >> 6 & 63))
    return _push_byte(h, chunk, size, 0x80 | (c & 63))


@inlined
def _ascii_word(x, left):  # type: ignore[no-untyped-def]
    """How many of eight bytes, at most *left*, are ASCII letters and digits from the first on; and the bytes, lower-cased.

    All eight lanes at once: adding a constant lifts a byte's top bit exactly from some character on. Carries out of bytes that
    are not ASCII reach only bytes behind them, where nothing is asked any more.
    """
    y = x | _BIT5
    letter = (y + U(0x1F) * _ONES) & ~(y + U(0x05) * _ONES)
    digit = (x + U(0x50) * _ONES) & ~(x + U(0x46) * _ONES)
    stop = (~(letter | digit) | x) & _HIGH
    n = np.int64(trailing_zeros(stop) >> U(3))
    if n > left:
        n = left
    return n, y


@inlined
def _ascii_hash(data, a, n):  # type: ignore[no-untyped-def]
    """Hash of the word of *n* ASCII letters and digits at byte *a*; seven more bytes can be read behind it.

    Up to fifteen bytes without a branch: word lengths are what a processor cannot guess.
    """
    h, left = _SEED, n
    while left >= 16:
        h = _mix(h, load64(data, a) | _BIT5)
        a, left = a + 8, left - 8
    h ^= (_mix(h, load64(data, a) | _BIT5) ^ h) & (U(0) - np.uint64(left >> 3))
    rest = (load64(data, a + (left & 8)) | _BIT5) & ((U(1) << np.uint64((left & 7) << 3)) - U(1))
    return _close(h, rest, n)


@inlined
def word_edges(at, left):  # type: ignore[no-untyped-def]
    """Among the 64 bytes at address *at*, of which *left* count: where words of ASCII letters and digits begin and, one bit each,
    where they have ended, and how many bytes stand before something odd."""
    word, odd = classes(at)
    usable = min(lowest(odd), left)
    if usable < 64:
        word &= (U(1) << np.uint64(usable)) - U(1)
    starts = word & ~(word << U(1))
    ends = ~word & (word << U(1))
    if usable < min(left, 64):  # a word that something odd follows has not ended
        ends &= (U(1) << np.uint64(usable)) - U(1)
    return starts, ends, usable


#: Words that one round of `word_hashes` can complete: half of 64 bytes, and those of an expansion. It stops that far before its
#: output is full.
SLACK = 64


@jit
def word_hashes(data, safe, i, end, tab, out, at, room):  # type: ignore[no-untyped-def]
    """Hashes of the words from byte *i* on into out[at:]: (filled up to, next byte). Stops between words near *room*.

    *data* and *out* are addresses; *safe* is the last byte from which eight can be read; *out* has `SLACK` items beyond *room*.

    The fast path classes 64 bytes at once and walks from word to word by their bits. A word that does not end among them is
    begun again with the next 64; what is not ASCII, and `&`, goes through `_odd_word` with the word around it.
    """
    far = safe - 64
    while i < end and at < room:
        if i <= far:
            starts, ends, usable = word_edges(data + i, end - i)
            while ends != U(0):
                a = lowest(starts)
                store_u64(out, at, _ascii_hash(data, i + a, lowest(ends) - a))
                at += 1
                starts &= starts - U(1)
                ends &= ends - U(1)
            done = usable
            if starts != U(0):
                done = lowest(starts)
            i += done
            if i >= end or (done > 0 and usable == 64):
                continue
        at, i = _odd_word(data, safe, i, end, tab, out, at)
    return at, i


@jit
def _odd_word(data, safe, i, end, tab, out, at):  # type: ignore[no-untyped-def]
    """`word_hashes` for one word, of whatever characters, or for one separator."""
    bounds, expanded, ascii_ = tab[2], tab[3], tab[8]
    b = load8(data, i)
    if b < 128 and b != 38 and load8(ascii_, b) == 0:
        return at, i + 1
    h, chunk, size = _SEED, U(0), np.int64(0)
    while i < end:
        if size & 7 == 0 and i <= safe:
            n, y = _ascii_word(load64(data, i), end - i)
            if n == 8:
                h = _mix(h, y)
                size += 8
                i += 8
                continue
            if n > 0:
                chunk = y & ((U(1) << np.uint64(n << 3)) - U(1))
                size += n
                i += n
                if i >= end:
                    break
        b = load8(data, i)
        if b < 128 and b != 38:
            f = load8(ascii_, b)
            i += 1
            if f == 0:
                break
            h, chunk, size = _push_byte(h, chunk, size, f)
            continue
        entry, i, _ = step(data, i, end, tab)
        if entry == _DROP:
            continue
        if entry == _SEP:
            break
        if entry < _EXP:
            h, chunk, size = push(h, chunk, size, entry)
            continue
        n = entry - _EXP
        for j in range(load32(bounds, n), load32(bounds, n + 1)):
            c = load32(expanded, j)
            if c != 32:
                h, chunk, size = push(h, chunk, size, c)
            elif size:
                store_u64(out, at, _close(h, chunk, size))
                at += 1
                h, chunk, size = _SEED, U(0), np.int64(0)
    if size:
        store_u64(out, at, _close(h, chunk, size))
        at += 1
    return at, i


@jit
def _fold_bytes(c, folded, filled):  # type: ignore[no-untyped-def]
    """Append one folded code point as UTF-8."""
    if c < 0x80:
        folded[filled] = c
        return filled + 1
    if c < 0x800:
        folded[filled] = 0xC0 | c >> 6
        folded[filled + 1] = 0x80 | (c & 63)
        return filled + 2
    if c < 0x10000:
        folded[filled] = 0xE0 | c >> 12
        folded[filled + 1] = 0x80 | (c >> 6 & 63)
        folded[filled + 2] = 0x80 | (c & 63)
        return filled + 3
    folded[filled] = 0xF0 | c >> 18
    folded[filled + 1] = 0x80 | (c >> 12 & 63)
    folded[filled + 2] = 0x80 | (c >> 6 & 63)
    folded[filled + 3] = 0x80 | (c & 63)
    return filled + 4


@jit
def tokenise(buffer, part_bounds, tab, chars, hashes, starts, ends, solo, byte_bounds, folded, token_bounds):  # type: ignore[no-untyped-def]
    """Words of every part with their places, into the given arrays: count of tokens, or -1 where an array is too small.

    *chars* asks for the stream `chars/1`: every character of an unspaced script is a token of its own, marked in *solo*.
    *starts* and *ends* are code points in the part; token *t* is `folded[byte_bounds[t]:byte_bounds[t + 1]]`, UTF-8.
    """
    data = np.int64(buffer.ctypes.data)
    safe = np.int64(len(buffer)) - 8
    folded_at = np.int64(folded.ctypes.data)
    bounds, expanded, unspaced = tab[2], tab[3], tab[9]
    parts = len(part_bounds) - 1
    room, bytes_room = len(hashes) - SLACK, len(folded) - 4 * SLACK
    n = np.int64(0)
    filled = np.int64(0)
    byte_bounds[0] = 0
    token_bounds[0] = 0
    for part in range(parts):
        i, end = part_bounds[part], part_bounds[part + 1]
        at = np.int64(0)
        h, chunk, size = _SEED, U(0), np.int64(0)
        start = last = np.int64(0)
        while i < end:
            if n > room or filled > bytes_room:
                return np.int64(-1)
            if size & 7 == 0 and i <= safe:
                m, y = _ascii_word(load64(data, i), end - i)
                if m > 0:
                    if size == 0:
                        start = at
                    store64(folded_at, filled, y)
                    if m == 8:
                        h = _mix(h, y)
                    else:
                        chunk = y & ((U(1) << np.uint64(m << 3)) - U(1))
                    i, at, size, filled = i + m, at + m, size + m, filled + m
                    last = at
                    continue
            entry, i, taken = step(data, i, end, tab)
            here = at
            at += taken
            if entry == _DROP:
                continue
            a, b = np.int64(0), np.int64(1)
            if entry >= _EXP:
                a, b = load32(bounds, entry - _EXP), load32(bounds, entry - _EXP + 1)
            for j in range(a, b):
                c = entry
                if entry >= _EXP:
                    c = load32(expanded, j)
                blank = c == _SEP or c == 32
                alone = chars and not blank and _is_unspaced(c, unspaced)
                if (blank or alone) and size:
                    hashes[n], starts[n], ends[n], solo[n] = _close(h, chunk, size), start, last, 0
                    n += 1
                    byte_bounds[n] = filled
                    h, chunk, size = _SEED, U(0), np.int64(0)
                if blank:
                    continue
                if size == 0:
                    start = here
                h, chunk, size = push(h, chunk, size, c)
                last = at
                filled = _fold_bytes(c, folded, filled)
                if alone:
                    hashes[n], starts[n], ends[n], solo[n] = _close(h, chunk, size), start, last, 1
                    n += 1
                    byte_bounds[n] = filled
                    h, chunk, size = _SEED, U(0), np.int64(0)
        if size:
            hashes[n], starts[n], ends[n], solo[n] = _close(h, chunk, size), start, last, 0
            n += 1
            byte_bounds[n] = filled
        token_bounds[part + 1] = n
    return n


@jit
def unspaced_parts(buffer, part_bounds, tab):  # type: ignore[no-untyped-def]
    """For each part: characters of unspaced scripts in it, references decoded."""
    data = np.int64(buffer.ctypes.data)
    bounds, expanded, unspaced = tab[2], tab[3], tab[9]
    parts = len(part_bounds) - 1
    out = np.zeros(parts, dtype=np.int64)
    far = np.int64(len(buffer)) - 72
    for part in range(parts):
        i, end = part_bounds[part], part_bounds[part + 1]
        while i < end:
            if i <= far:
                i += lowest(classes(data + i)[1])
                if i >= end:
                    break
            b = load8(data, i)
            if b < 128 and b != 38:
                i += 1
                continue
            if 0xC0 <= b < 0xE0:  # two bytes: none of these becomes a letter of an unspaced script
                i += 2
                continue
            entry, i, _ = step(data, i, end, tab)
            if entry >= _EXP:
                for j in range(load32(bounds, entry - _EXP), load32(bounds, entry - _EXP + 1)):
                    out[part] += _is_unspaced(load32(expanded, j), unspaced)
            elif entry >= 0:
                out[part] += _is_unspaced(entry, unspaced)
    return out
