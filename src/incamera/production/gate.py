"""The last gate: what is not under a recorded decision does not leave, whatever its type says.

mypy keeps a `Conversation` or a `Redacted` out of here; this keeps out a `Cleared` that somebody made by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from incamera.core.errors import Error, Refused
from incamera.core.ids import digest
from incamera.core.records import Cleared, produced
from incamera_verify import merkle
from incamera_verify.canon import canonical
from incamera_verify.errors import VerificationError
from incamera_verify.manifest import load_json
from incamera_verify.note import Verifier, open_checkpoint
from incamera_verify.rows import clearance_leaf

#: Ledger index to the exact bytes of the act there, as the ledger holds them.
Leaves = Callable[[int], bytes]


class Gate:
    """Re-verifies, item by item, that redacted bytes stand under a decision that the ledger holds and signed.

    Args:
        matter: The matter whose decisions count.
        leaves: Reads the ledger.
        log: The ledger's public keys.
    """

    def __init__(self, matter: str, leaves: Leaves, log: Sequence[Verifier]) -> None:
        self._matter = matter
        self._leaves = leaves
        self._log = tuple(log)
        self._decided: dict[tuple[int, str], str] = {}

    def admit(self, item: Cleared) -> dict[str, Any]:
        """The public record of *item*, after every link from its bytes to a signed checkpoint has been checked again.

        Raises:
            Refused: `production.not-cleared`, naming the row and the link that does not hold.
        Privacy: reads redacted text; the error names the row's random id only.
        """
        if not isinstance(item, Cleared):
            raise Refused("production.not-cleared", f"a production takes Cleared items only, not {type(item).__name__}")
        record = produced(item.redacted)
        try:
            leaf = clearance_leaf(item.conversation, digest(canonical(record)))
            if item.decision.call != "produce" or item.decision.matter != self._matter:
                _refuse(item, "the decision is not one of this matter to produce")
            if self._target(item) != item.decision.target:
                _refuse(item, "the ledger's decision is about other rows")
            path = [bytes.fromhex(step) for step in item.proof]
            merkle.verify_inclusion(leaf, item.row, item.rows, path, bytes.fromhex(item.decision.target))
        except Refused:
            raise
        except VerificationError:
            _refuse(item, "the redacted bytes are not under the root that was decided")
        except (Error, ValueError, TypeError, AttributeError, LookupError):
            _refuse(item, "its bytes, proof or receipt cannot be read")
        return record

    def _target(self, item: Cleared) -> str:
        """What the decision at the receipt's place in the ledger is about; once per receipt."""
        receipt = item.receipt
        key = (receipt.index, receipt.checkpoint)
        if key not in self._decided:
            leaf = self._leaves(receipt.index)
            hashed = merkle.leaf_hash(leaf)
            if hashed.hex() != receipt.leaf:
                _refuse(item, "the receipt is for another act than the ledger holds")
            checkpoint = open_checkpoint(receipt.checkpoint.encode(), self._log)
            merkle.verify_inclusion(
                hashed, receipt.index, checkpoint.size, [bytes.fromhex(s) for s in receipt.path], checkpoint.root
            )
            act = load_json(leaf, "production.not-cleared", f"ledger entry {receipt.index}")
            if act["act"] != "decision.recorded" or act["matter"] != self._matter or act["fields"]["call"] != "produce":
                _refuse(item, "the ledger's act is no decision of this matter to produce")
            self._decided[key] = act["fields"]["target"]
        return self._decided[key]


def _refuse(item: Cleared, flaw: str) -> NoReturn:
    raise Refused("production.not-cleared", flaw, where=f"row {item.conversation}") from None
