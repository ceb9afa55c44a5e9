"""A busy machine is no bug: what a property test proves does not depend on the clock."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("incamera", deadline=None)
settings.load_profile("incamera")
