"""Whole groups on one machine: rows are spread over partitions by a hash of their key, then sorted inside each.

The order of groups and of rows within a group depends on the rows alone, not on how they arrived: groups follow the
hash of their key, rows follow their own columns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from incamera.core.errors import Malformed
from incamera.engine import files
from incamera.engine.files import Spill

#: Fixed, because it must not depend on the machine; a power of two, so that the hash's top bits choose.
PARTITIONS = 64
_SHIFT = 64 - (PARTITIONS.bit_length() - 1)
_HASH = "_incamera_hash"


@dataclass(frozen=True, kw_only=True, repr=False)
class Groups:
    """One partition as a fragment: each batch it reads is one whole group."""

    id: str
    path: str
    by: str

    def read(self) -> Iterator[pa.RecordBatch]:
        table = _sorted(files.read_stream(self.path), self.by)
        hashes = table[_HASH].combine_chunks()
        keys = table[self.by].combine_chunks()
        rows = table.drop_columns([_HASH])
        for low, high in _runs(hashes, keys):
            yield rows.slice(low, high - low).combine_chunks().to_batches()[0]


def scatter(batches: Iterator[pa.RecordBatch], spill: Spill | None, by: str, make: Any) -> Spill | None:
    """Spread *batches* over partitions; *make* gives the Spill for the first batch's schema."""
    for batch in batches:
        if spill is None:
            if by not in batch.schema.names:
                raise Malformed("engine.no-such-column", "the rows to be grouped lack the key column", where=by)
            spill = make(with_hash(batch.slice(0, 0), by).schema)
        assert spill is not None
        hashed = with_hash(batch, by)
        numbers = hashed[_HASH].to_numpy() >> np.uint64(_SHIFT)
        for number in np.unique(numbers):
            spill.write(int(number), pa.Table.from_batches([hashed.filter(pa.array(numbers == number))]))
    return spill


def with_hash(batch: pa.RecordBatch, by: str) -> pa.RecordBatch:
    """*batch* with the 64-bit hash of its key as a last column.

    Raises:
        Malformed: `engine.null-key`, `engine.bad-key`.
    """
    keys = batch[by]
    if keys.null_count:
        raise Malformed("engine.null-key", "a row to be grouped has no key", where=by)
    encoded = keys.dictionary_encode()
    table = np.array([_hash(value.as_py()) for value in encoded.dictionary], dtype=np.uint64)
    hashes = table[encoded.indices.to_numpy()] if batch.num_rows else np.array([], dtype=np.uint64)
    return pa.RecordBatch.from_arrays([*batch.columns, pa.array(hashes, pa.uint64())], names=[*batch.schema.names, _HASH])


def _hash(key: Any) -> int:
    if isinstance(key, bytes):
        raw = key
    elif isinstance(key, str):
        raw = key.encode("utf-8", "surrogatepass")
    elif isinstance(key, int):
        raw = str(key).encode()
    else:
        raise Malformed("engine.bad-key", "rows are grouped by bytes, strings or whole numbers")
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), "big")


def _sorted(table: pa.Table, by: str) -> pa.Table:
    rest = [field.name for field in table.schema if field.name not in (_HASH, by) and _sortable(field.type)]
    keys = [(name, "ascending") for name in (_HASH, by, *rest)]
    return table.take(pc.sort_indices(table, sort_keys=keys)).combine_chunks()


def _sortable(kind: pa.DataType) -> bool:
    return not (pa.types.is_nested(kind) or pa.types.is_dictionary(kind) or pa.types.is_null(kind))


def _runs(hashes: pa.Array, keys: pa.Array) -> Iterator[tuple[int, int]]:
    """[low, high) of each run of equal keys; the hash is compared first, the key decides."""
    count = len(hashes)
    if not count:
        return
    numbers = hashes.to_numpy()
    # Two keys with one hash are neighbours after the sort, so each change of the key itself must be found too.
    encoded = keys.dictionary_encode().indices.to_numpy()
    edges = np.flatnonzero((numbers[1:] != numbers[:-1]) | (encoded[1:] != encoded[:-1])) + 1
    bounds = [0, *edges.tolist(), count]
    yield from pairwise(bounds)
