"""A policy's open questions as a filter over columns: decided once a grant, applied to millions of rows.

Cedar's partial evaluation leaves of each policy what depends on the shard alone. Those residuals are evaluated here over Arrow
columns, with Cedar's own rules: `&&` and `||` stop early, and a row on which a rule errs is denied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from incamera.core.errors import Refused

#: Columns a filter may ask for: attributes of `Shard` in the schema of the policies.
COLUMNS: Final = pa.schema(
    [
        pa.field("class", pa.string(), nullable=False),
        pa.field("consents", pa.list_(pa.string()), nullable=False),
        pa.field("holds", pa.list_(pa.string()), nullable=False),
        pa.field("matters", pa.list_(pa.string()), nullable=False),
        pa.field("pendingShred", pa.bool_(), nullable=False),
        pa.field("subject", pa.string()),
    ]
)

Mask = np.ndarray[Any, np.dtype[np.bool_]]
Expression = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Truth:
    """What an expression says of every row: true or false, and whether it errs."""

    value: Mask
    error: Mask


@dataclass(frozen=True, slots=True)
class ColumnFilter:
    """Rows allowed: some permit holds, no forbid does, and nothing errs."""

    permits: tuple[Expression, ...]
    forbids: tuple[Expression, ...]

    @classmethod
    def nothing(cls) -> ColumnFilter:
        """The filter that allows no row."""
        return cls(permits=(), forbids=())

    @classmethod
    def of(cls, residuals: Iterable[Mapping[str, Any]]) -> ColumnFilter:
        """The filter of a full set of residual policies, in Cedar's JSON form.

        Raises:
            Refused: `policy.no-filter`, a residual asks for what columns do not hold.
        """
        sides: dict[str, list[Expression]] = {"permit": [], "forbid": []}
        for policy in residuals:
            if any(policy[scope] != {"op": "All"} for scope in ("principal", "action", "resource")):
                raise _unfit()
            body: Expression = {"Value": True}
            for condition in policy["conditions"]:
                part = condition["body"] if condition["kind"] == "when" else {"!": {"arg": condition["body"]}}
                body = {"&&": {"left": body, "right": part}}
            _admit(body)
            sides[policy["effect"]].append(body)
        return cls(permits=tuple(sides["permit"]), forbids=tuple(sides["forbid"]))

    def mask(self, table: pa.Table) -> pa.BooleanArray:
        """One boolean a row of *table*, which has the columns `COLUMNS`.

        Cost: a few vector operations a policy; no Python object a row.
        """
        rows = table.num_rows
        allowed, denied = np.zeros(rows, bool), np.zeros(rows, bool)
        for body in self.permits:
            truth = _truth(body, table)
            allowed |= truth.value
            denied |= truth.error
        for body in self.forbids:
            truth = _truth(body, table)
            denied |= truth.value | truth.error
        return pa.array(allowed & ~denied)


# --- expressions -----------------------------------------------------------------------------------------------------------


def _truth(expression: Expression, table: pa.Table) -> Truth:
    """Evaluate one boolean expression on every row."""
    ((operator, body),) = expression.items()
    return _OPERATORS[operator](body, table)


def _value(body: Any, table: pa.Table) -> Truth:
    return Truth(np.full(table.num_rows, body is True), np.full(table.num_rows, not isinstance(body, bool)))


def _attribute(body: Any, table: pa.Table) -> Truth:
    column = table.column(body["attr"])
    return Truth(_bools(pc.fill_null(column, False)), _bools(pc.is_null(column)))


def _and(body: Any, table: pa.Table) -> Truth:
    left, right = _truth(body["left"], table), _truth(body["right"], table)
    return Truth(left.value & right.value, left.error | (left.value & right.error))


def _or(body: Any, table: pa.Table) -> Truth:
    left, right = _truth(body["left"], table), _truth(body["right"], table)
    return Truth(left.value | right.value, left.error | (~left.value & right.error))


def _not(body: Any, table: pa.Table) -> Truth:
    inner = _truth(body["arg"], table)
    return Truth(~inner.value & ~inner.error, inner.error)


def _equal(body: Any, table: pa.Table) -> Truth:
    sides = [body["left"], body["right"]]
    attribute, constant = sides if "." in sides[0] else sides[::-1]
    column = table.column(attribute["."]["attr"])
    return Truth(_bools(pc.fill_null(pc.equal(column, constant["Value"]), False)), _bools(pc.is_null(column)))


def _has(body: Any, table: pa.Table) -> Truth:
    column = table.column(body["attr"])
    return Truth(_bools(pc.is_valid(column)), np.zeros(table.num_rows, bool))


def _contains(body: Any, table: pa.Table) -> Truth:
    lists = table.column(body["left"]["."]["attr"]).combine_chunks()
    owner = np.asarray(pc.list_parent_indices(lists))
    hits = _bools(pc.equal(pc.list_flatten(lists), body["right"]["Value"]))
    found = np.zeros(table.num_rows, bool)
    found[owner[hits]] = True
    return Truth(found, np.zeros(table.num_rows, bool))


def _is_empty(body: Any, table: pa.Table) -> Truth:
    lengths = pc.list_value_length(table.column(body["arg"]["."]["attr"]))
    return Truth(_bools(pc.equal(lengths, 0)), np.zeros(table.num_rows, bool))


def _bools(array: Any) -> Mask:
    return np.asarray(array).astype(bool)


_OPERATORS: Final[Mapping[str, Callable[[Any, pa.Table], Truth]]] = {
    "Value": _value,
    ".": _attribute,
    "&&": _and,
    "||": _or,
    "!": _not,
    "==": _equal,
    "has": _has,
    "contains": _contains,
    "isEmpty": _is_empty,
}


# --- which residuals can be asked of columns ----------------------------------------------------------------------------------

_RESOURCE: Final = {"unknown": [{"Value": "resource"}]}


def _admit(expression: Any) -> None:
    """Refuse, before any row is read, what the operators above would not understand exactly."""
    if not isinstance(expression, Mapping) or len(expression) != 1:
        raise _unfit()
    ((operator, body),) = expression.items()
    if operator == "Value":
        if not isinstance(body, bool):
            raise _unfit()
    elif operator in ("&&", "||"):
        _admit(body["left"])
        _admit(body["right"])
    elif operator == "!":
        _admit(body["arg"])
    elif operator == ".":
        _admit_column(expression, pa.bool_())
    elif operator == "==":
        sides = [body["left"], body["right"]]
        attribute, constant = sides if "." in sides[0] else sides[::-1]
        kind = pa.bool_() if isinstance(constant.get("Value"), bool) else pa.string()
        _admit_column(attribute, kind)
        _admit_constant(constant, (bool, str))
    elif operator == "has":
        if body["left"] != _RESOURCE or body["attr"] not in COLUMNS.names:
            raise _unfit()
    elif operator == "contains":
        _admit_column(body["left"], pa.list_(pa.string()))
        _admit_constant(body["right"], (str,))
    elif operator == "isEmpty":
        _admit_column(body["arg"], pa.list_(pa.string()))
    else:
        raise _unfit()


def _admit_column(expression: Any, kind: pa.DataType) -> None:
    body = expression.get(".") if isinstance(expression, Mapping) and len(expression) == 1 else None
    if not body or body["left"] != _RESOURCE or body["attr"] not in COLUMNS.names or COLUMNS.field(body["attr"]).type != kind:
        raise _unfit()


def _admit_constant(expression: Any, kinds: tuple[type, ...]) -> None:
    if not isinstance(expression, Mapping) or set(expression) != {"Value"} or not isinstance(expression["Value"], kinds):
        raise _unfit()


def _unfit() -> Refused:
    return Refused("policy.no-filter", "the policies ask for more than metadata columns hold: decide shard by shard")
