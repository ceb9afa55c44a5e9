"""A few numbers at once: vectors of 32-bit integers or floats as values of compiled code.

Short loops over arrays cost more in checks that nothing overlaps than in sums. Kernels that work on rows of some dozens of
numbers therefore say which numbers go together: load some by address, reckon with them, store them. Any machine can run
this; how many instructions a vector takes is LLVM's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.core.datamodel.models import PrimitiveModel
from numba.core.datamodel.registry import register_default
from numba.core.registry import cpu_target

from incamera.deid.memory import intrinsic

#: Whether registers hold 64 bytes. Numba keeps compiled code under a key that says so: what was compiled for one width and
#: what was packed for another never meet.
WIDE = "+avx512bw" in cpu_target.target_context.codegen().magic_tuple()[2]
#: Numbers in a vector.
LANES = 16 if WIDE else 8

I8, I16, I32, I64, F32 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()
INTEGERS, FLOATS = ir.VectorType(I32, LANES), ir.VectorType(F32, LANES)


class _Vector(types.Type):
    """`LANES` numbers of one kind."""


_integers, _floats, _address = _Vector("vector of integers"), _Vector("vector of floats"), types.int64
_register: Any = register_default


@_register(_Vector)
class _Model(PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, INTEGERS if fe_type is _integers else FLOATS)  # type: ignore[no-untyped-call]


def _signed(gives: Any, takes: tuple[Any, ...], emit: Callable[..., Any]) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = emit(builder, *args)
        return context.get_dummy_value() if gives is types.void else value

    return gives(*takes), codegen


def _one(gives: Any, takes: Any, emit: Callable[[Any, Any], Any]) -> Any:
    """An operation of one argument: *emit* writes its instructions, given a builder and the argument."""

    @intrinsic  # type: ignore[untyped-decorator]
    def operation(typingctx: Any, value: Any) -> Any:
        return _signed(gives, (takes,), emit)

    return operation


def _two(emit: Callable[[Any, Any, Any], Any], *, stores: bool = False) -> Any:
    """An operation of two vectors of one kind that gives a third; or of an address and a vector."""

    @intrinsic  # type: ignore[untyped-decorator]
    def operation(typingctx: Any, one: Any, other: Any) -> Any:
        return _signed(types.void, (_address, other), emit) if stores else _signed(one, (one, one), emit)

    return operation


def _either(of_integers: str, of_floats: str) -> Callable[[Any, Any, Any], Any]:
    return lambda b, x, y: getattr(b, of_integers if x.type == INTEGERS else of_floats)(x, y)


def _read(b: Any, address: Any, item: Any) -> Any:
    value = b.load(b.inttoptr(address, ir.VectorType(item, LANES).as_pointer()))
    value.align = 1
    return value


def _write(b: Any, address: Any, value: Any) -> None:
    b.store(value, b.inttoptr(address, value.type.as_pointer())).align = 1


def _rint(b: Any, x: Any) -> Any:
    insert: Any = cgutils.get_or_insert_function
    return b.call(insert(b.module, ir.FunctionType(FLOATS, [FLOATS]), f"llvm.rint.v{LANES}f32"), [x])


def everywhere(b: Any, number: Any) -> Any:
    """Instructions for a vector that holds *number* in all places."""
    one = b.insert_element(ir.Constant(ir.VectorType(number.type, LANES), ir.Undefined), number, ir.Constant(I32, 0))
    return b.shuffle_vector(one, one, ir.Constant(INTEGERS, [ir.Constant(I32, 0)] * LANES))


# Integers of so many bits from an address, their sign kept; floats of 32 bits.
load8 = _one(_integers, _address, lambda b, at: b.sext(_read(b, at, I8), INTEGERS))
load16 = _one(_integers, _address, lambda b, at: b.sext(_read(b, at, I16), INTEGERS))
load32 = _one(_integers, _address, lambda b, at: _read(b, at, I32))
load_floats = _one(_floats, _address, lambda b, at: _read(b, at, F32))
# One number in all places.
integer = _one(_integers, types.int64, lambda b, n: everywhere(b, b.trunc(n, I32)))
real = _one(_floats, types.float32, everywhere)
# Integers as floats; floats as integers, cut off towards zero; floats rounded, ties to the even one.
as_floats = _one(_floats, _integers, lambda b, x: b.sitofp(x, FLOATS))
as_integers = _one(_integers, _floats, lambda b, x: b.fptosi(x, INTEGERS))
rounded = _one(_floats, _floats, _rint)
# Sums and products of either kind; of integers, the smaller and the larger of each two, and bits shifted out, sign kept.
add = _two(_either("add", "fadd"))
times = _two(_either("mul", "fmul"))
least = _two(lambda b, x, y: b.select(b.icmp_signed("<", x, y), x, y))
most = _two(lambda b, x, y: b.select(b.icmp_signed(">", x, y), x, y))
shifted = _two(lambda b, x, y: b.ashr(x, y))
# To an address: all bits; of integers, the lower 16.
store = _two(_write, stores=True)
store16 = _two(lambda b, at, x: _write(b, at, b.trunc(x, ir.VectorType(I16, LANES))), stores=True)
