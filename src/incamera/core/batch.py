"""One Arrow schema per record type: one conversation is Python, millions are Arrow.

`SEALED` is what the vault stores and engines carry; `OPENED` exists only inside `vault.within(grant)`;
`EXAMINED` is what an examination hands back, with `result` sealed again under the conversation's own key.
"""

from __future__ import annotations

import pyarrow as pa

REF = pa.binary(16)

SEALED = pa.schema(
    [
        pa.field("cref", REF, nullable=False),
        pa.field("uref", REF, nullable=False),
        pa.field("commit", pa.binary(32), nullable=False),
        pa.field("body", pa.large_binary(), nullable=False),
    ],
    metadata={b"incamera": b"sealed/1"},
)

OPENED = pa.schema(
    [
        pa.field("cref", REF, nullable=False),
        pa.field("uref", REF, nullable=False),
        pa.field("conversation", pa.large_binary(), nullable=False),  # core.canon.pack(Conversation)
        pa.field("account", pa.large_binary()),  # core.canon.pack(Account) or null
        pa.field("ledger_key", pa.binary(32), nullable=False),  # subject's commitment key
    ],
    metadata={b"incamera": b"opened/1"},
)

EXAMINED = pa.schema(
    [
        pa.field("cref", REF, nullable=False),
        pa.field("digest", pa.binary(32), nullable=False),  # SHA-256 of canonical(produced(redacted))
        pa.field("result", pa.large_binary(), nullable=False),  # core.canon.pack(...); sealed outside vault.within
    ],
    metadata={b"incamera": b"examined/1"},
)

MATCHES = pa.schema(
    [
        pa.field("conversation", pa.string(), nullable=False),
        pa.field("turn", pa.int32(), nullable=False),
        pa.field("part", pa.int32(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),
        pa.field("end", pa.int64(), nullable=False),
        pa.field("work_id", pa.string(), nullable=False),
        pa.field("work_start", pa.int64(), nullable=False),
        pa.field("work_end", pa.int64(), nullable=False),
        pa.field("words", pa.int32(), nullable=False),
        pa.field("elicitation", pa.list_(pa.string())),
    ],
    metadata={b"incamera": b"matches/1"},
)
