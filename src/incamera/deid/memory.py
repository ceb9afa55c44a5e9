"""Reading and writing items of arrays by address, for kernels whose helpers call each other for every word.

An array handed from helper to helper counts its references at each call, which costs more than the helpers do. So the
functions that Python calls take arrays and hold them alive; inside, addresses travel. Nothing here minds bounds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic as _intrinsic

intrinsic: Any = _intrinsic
_njit: Any = numba.njit
F = TypeVar("F")
_Get = Callable[[int, int], int]
_Put = Callable[[int, int, int], None]


def jit(function: F) -> F:
    """`numba.njit` with its cache on disk, or without one where no directory can be written."""
    try:
        made: F = _njit(cache=True, nogil=True)(function)
    except RuntimeError:  # "no locator available": a read-only installation and no home
        return _njit(nogil=True)(function)  # type: ignore[no-any-return]
    _stamp(made)
    return made


def _stamp(dispatcher: Any) -> None:
    """Tie what is cached to all kernels of this room.

    Numba asks whether the file of a function changed, not the files of the functions and constants that it was compiled
    with: an edited rule would go on as it was. Where a future numba keeps its stamp elsewhere this does nothing, and
    a test says so.
    """
    file: Any = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if file is not None and hasattr(file, "_source_stamp"):
        file._source_stamp = sources()


@cache
def sources() -> str:
    """Digest of the files that kernels are compiled from."""
    here = Path(__file__).parent
    files = [
        here / "memory.py",
        here / "columns.py",
        *here.glob("*_kernels.py"),
        *here.glob("patterns/*_kernels.py"),
        *here.glob("gate/*.py"),
        *here.glob("lexicons/*.py"),
    ]
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in sorted(files))).hexdigest()


def _reader(bits: int) -> Any:
    """An intrinsic that reads item *index* of the array of unsigned integers at *address*, as int64."""

    @intrinsic  # type: ignore[untyped-decorator]
    def read(typingctx: Any, address: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = builder.inttoptr(args[0], ir.IntType(bits).as_pointer())
            value = builder.load(builder.gep(pointer, [args[1]]))
            value.align = bits // 8
            return value if bits == 64 else builder.zext(value, ir.IntType(64))

        return types.int64(types.int64, types.int64), codegen

    return read


def _writer(bits: int) -> Any:
    """An intrinsic that writes *value* to item *index* of the array of integers at *address*."""

    @intrinsic  # type: ignore[untyped-decorator]
    def write(typingctx: Any, address: Any, index: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            item = ir.IntType(bits)
            pointer = builder.inttoptr(args[0], item.as_pointer())
            cut = args[2] if bits == 64 else builder.trunc(args[2], item)
            builder.store(cut, builder.gep(pointer, [args[1]])).align = bits // 8
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64), codegen

    return write


@intrinsic  # type: ignore[untyped-decorator]
def fetch(typingctx: Any, address: Any) -> Any:
    """Ask for the memory at *address* ahead of its use; what stands there, or whether anything does, does not matter."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        number = ir.IntType(32)
        pointer = builder.inttoptr(args[0], ir.IntType(8).as_pointer())
        prefetch = builder.module.declare_intrinsic(
            "llvm.prefetch", [pointer.type], ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number])
        )
        builder.call(prefetch, [pointer, number(0), number(3), number(1)])  # for reading, into the nearest cache, as data
        return context.get_dummy_value()

    return types.void(types.int64), codegen


get8: _Get = _reader(8)
get16: _Get = _reader(16)
get32: _Get = _reader(32)
get64: _Get = _reader(64)
put8: _Put = _writer(8)
put32: _Put = _writer(32)
put64: _Put = _writer(64)


@jit
def hold(array: Any) -> None:
    """Keep an array made inside a kernel alive up to here: numba lets go of it behind its last mention, addresses or not."""
