"""What a verification says to the person who ran it: numbered steps, the figures it could not recompute, and a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from incamera_verify.errors import VerificationError

Status = Literal["passed", "not run"]

ESTABLISHED = "verified: internally consistent, signed by the pinned keys, under the pinned history"
NOT_ESTABLISHED = "internally consistent, signer and history not established"


@dataclass(frozen=True, slots=True)
class Step:
    """One check as a person reads it. A failed step never stands here: it is raised."""

    number: int
    title: str
    status: Status
    detail: str

    def line(self) -> str:
        """`4. ledger ... passed: 212 entries`."""
        return f"{self.number:2}. {self.title} ... {self.status}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A figure of the certificate that this verifier did not recompute, with who can."""

    id: str
    label: str
    value: str
    checked_by: str
    how: str


@dataclass(slots=True)
class Report:
    """The outcome of a verification that found no flaw.

    `established` says whether keys pinned outside of the volume vouch for signer and history; without them whoever made
    the volume could have made all of it.
    """

    volume: str = ""
    matter: str = ""
    labels: tuple[str, ...] = ()
    established: bool = False
    steps: list[Step] = field(default_factory=list)
    recomputed: int = 0
    listed: list[Listed] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """One line."""
        return ESTABLISHED if self.established else NOT_ESTABLISHED

    def to_dict(self) -> dict[str, Any]:
        """The `--json` form."""
        return {"version": "incamera/report/1", "verdict": self.verdict, **asdict(self)}

    def text(self) -> str:
        """The form for a terminal."""
        lines = [*self.labels, f"Volume {self.volume}, matter {self.matter}", ""]
        lines += [step.line() for step in self.steps]
        if self.listed:
            lines += ["", "Figures this verifier did not recompute, and who can check them:"]
            lines += [f"  - {item.label}: {item.value} ({item.checked_by}: {item.how})" for item in self.listed]
        return "\n".join([*lines, "", self.verdict])


@contextmanager
def step(number: int, title: str) -> Iterator[None]:
    """Run one check under its number and title: whatever goes wrong is refused, and says where."""
    place = f"step {number} ({title})"
    try:
        yield
    except VerificationError as flaw:
        raise VerificationError(flaw.code, flaw.hint, f"{place}: {flaw.where}" if flaw.where else place) from None
    except OSError as flaw:
        raise VerificationError("volume.unreadable", f"a file cannot be read ({type(flaw).__name__})", place) from None
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as flaw:
        # Hostile files reach code behind the strict readers at most in shapes nobody thought of: refuse, and quote nothing.
        raise VerificationError(
            "volume.malformed", f"a file is not what its format says ({type(flaw).__name__})", place
        ) from None
