"""Numbers, packs and seals what leaves: a volume that anybody can check, from items that somebody decided to produce.

package = build(items, terms=..., evidence=..., sampled=..., signer=..., out=...)
sealed = seal(package, certificate=compose(package, ...), signer=..., appender=..., export=..., actor=..., clock=...)
"""

from __future__ import annotations

from incamera.production.certificate import DEMONSTRATION, SINGLE_OPERATOR, compose
from incamera.production.figures import Figure
from incamera.production.overlay import Clawback, clawback
from incamera.production.package import Evidence, Failure, Package, SampleFiles, Withheld, build
from incamera.production.sealing import seal, seal_directory, unseal_directory
from incamera.production.tables import Table, count_thresholds, from_records, hits_by_threshold, longest_output_run
from incamera.production.terms import Terms

__all__ = [
    "DEMONSTRATION",
    "SINGLE_OPERATOR",
    "Clawback",
    "Evidence",
    "Failure",
    "Figure",
    "Package",
    "SampleFiles",
    "Table",
    "Terms",
    "Withheld",
    "build",
    "clawback",
    "compose",
    "count_thresholds",
    "from_records",
    "hits_by_threshold",
    "longest_output_run",
    "seal",
    "seal_directory",
    "unseal_directory",
]
