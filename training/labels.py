"""The label set, as bits: what a token may be. A partially annotated corpus allows more than one label for its O."""

from __future__ import annotations

NAMES = ("O", "PERSON", "ORG", "LOC", "DATE", "DEM", "OCC", "HEALTH", "OTHER")
O, PERSON, ORG, LOC, DATE, DEM, OCC, HEALTH, OTHER = (1 << i for i in range(9))  # noqa: E741
NAMELIKE = PERSON | ORG | LOC
ANY = (1 << 9) - 1
