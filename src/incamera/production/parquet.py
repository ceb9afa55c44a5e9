"""The bulk lane as Parquet: the same rows and columns as `rows.jsonl.gz`, for those who count with tables."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from incamera.core.errors import Malformed, Unverified
from incamera_verify import rows
from incamera_verify.errors import VerificationError

_PART = pa.struct([("kind", pa.string()), ("path", pa.string()), ("text", pa.large_string())])
_TURN = pa.struct(
    [
        ("index", pa.int32()),
        ("parent", pa.int32()),
        ("role", pa.string()),
        ("at", pa.string()),
        ("llm", pa.string()),
        ("tool", pa.string()),
        ("sources", pa.list_(pa.string())),
        ("active", pa.bool_()),
        ("hidden", pa.bool_()),
        ("parts", pa.list_(_PART)),
    ]
)
_COMMON = pa.struct(
    [("works", pa.int32()), ("owners", pa.int32()), ("background", pa.int32()), ("surprisal_millibits", pa.int64())]
)
_MATCH = pa.struct(
    [
        ("turn", pa.int32()),
        ("part", pa.int32()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("work_id", pa.string()),
        ("work_start", pa.int64()),
        ("work_end", pa.int64()),
        ("words", pa.int32()),
        ("fold", pa.string()),
        ("elicitation", pa.list_(pa.string())),
        ("commonness", _COMMON),
    ]
)
SCHEMA = pa.schema(
    [
        ("bates", pa.string()),
        ("conversation", pa.string()),
        ("subject", pa.string()),
        ("stratum", pa.string()),
        ("probability", pa.string()),
        ("weight", pa.float64()),
        ("rank", pa.string()),
        ("position", pa.int64()),
        ("month", pa.string()),
        ("region", pa.string()),
        ("tier", pa.string()),
        ("platform", pa.string()),
        ("language", pa.string()),
        ("temporary", pa.bool_()),
        ("deletion_requested", pa.bool_()),
        ("party_account", pa.bool_()),
        ("responsive", pa.bool_()),
        ("outputs_missing", pa.map_(pa.string(), pa.int64())),
        ("recipe", pa.string()),
        ("header", pa.list_(_PART)),
        ("turns", pa.list_(_TURN)),
        ("matches", pa.list_(_MATCH)),
        ("decision", pa.int64()),
        ("row", pa.int64()),
        ("rows", pa.int64()),
        ("proof", pa.list_(pa.string())),
    ],
    metadata={b"incamera": b"rows/1"},
)
#: Rows of one row group; text of so many conversations is in memory at once.
GROUP_ROWS = 1024


class Writer:
    """Writes rows in groups. Equal rows give equal bytes under one pyarrow version."""

    def __init__(self, target: BinaryIO) -> None:
        self._writer = pq.ParquetWriter(pa.PythonFile(target, mode="w"), SCHEMA, compression="zstd", version="2.6")
        self._waiting: list[dict[str, Any]] = []

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, flaw: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def add(self, row: Mapping[str, Any]) -> None:
        """Take one public row in."""
        self._waiting.append(flat(row))
        if len(self._waiting) >= GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_pylist(self._waiting, schema=SCHEMA))
            self._waiting = []


def weight(probability: str | None) -> float | None:
    """How many conversations of the frame a row stands for: the inverse of its inclusion probability."""
    if probability is None:
        return None
    drawn, of = probability.split("/")
    return int(of) / int(drawn)


def compare(volume: Path) -> int:
    """Hold `rows.parquet` to `rows.jsonl.gz`, row by row: the verifier, which has no Parquet reader, cannot. The rows compared.

    Raises:
        Unverified: `production.other-parquet`, naming the row.
        Malformed: `production.bad-parquet`, a file is damaged or of another schema.
    Cost: one row group and one row in memory.
    """
    count = 0
    try:
        with pq.ParquetFile(volume / "BULK/rows.parquet") as table:
            if not table.schema_arrow.equals(SCHEMA):
                raise Malformed("production.bad-parquet", "the columns are not those of the bulk lane", where="BULK/rows.parquet")
            found = (row for batch in table.iter_batches(GROUP_ROWS) for row in batch.to_pylist())
            for line, row in zip_longest(rows.read(volume / "BULK/rows.jsonl.gz"), found):
                expected = None if line is None else pa.Table.from_pylist([flat(line)], schema=SCHEMA).to_pylist()[0]
                if row != expected:
                    raise Unverified("production.other-parquet", "Parquet and JSON lines differ", where=f"row {count + 1}")
                count += 1
    except (pa.ArrowException, VerificationError):
        raise Malformed("production.bad-parquet", "a lane file is damaged", where="BULK") from None
    return count


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A public row in the columns of `SCHEMA`."""
    record = row["record"]
    columns = {name: row[name] for name in SCHEMA.names if name in row}
    columns |= {"recipe": record["recipe"], "header": record["header"], "turns": record["turns"]}
    return columns | {"weight": weight(row["probability"]), "outputs_missing": sorted(row["outputs_missing"].items())}
