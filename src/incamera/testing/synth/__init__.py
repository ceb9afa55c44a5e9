"""A synthetic world of conversations, accounts and claimed works, from a seed. No key or secret ever comes from it."""

from __future__ import annotations

from incamera.testing.synth.truth import Canary, Identity, Plant, Tally, survives, tally
from incamera.testing.synth.world import Layout, World, world

__all__ = ["Canary", "Identity", "Layout", "Plant", "Tally", "World", "survives", "tally", "world"]
