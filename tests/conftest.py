"""Shared test facts: where the development data stands, and a count of what could not be run without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no bug: what a property test proves does not depend on the clock.
settings.register_profile("incamera", deadline=None)
settings.load_profile("incamera")

_HERE = Path(__file__).resolve()


def _find_shared() -> Path | None:
    stated = os.environ.get("INCAMERA_SHARED")
    candidates = [Path(stated)] if stated else [_HERE.parents[2] / "shared"]
    return next((c for c in candidates if (c / "data").is_dir()), None)


SHARED = _find_shared()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development data beside the checkout; tests that ask for it carry the mark `shared`."""
    if SHARED is None:
        pytest.skip("development data not found beside the checkout (set INCAMERA_SHARED)")
    return SHARED


@pytest.fixture
def cheap_kms(monkeypatch: pytest.MonkeyPatch) -> None:
    """New key files cost next to nothing to open, and say so themselves: some tests open them dozens of times."""
    from incamera.testing.vaults import CHEAP
    from incamera.vault.kms import LocalKms

    make = LocalKms.create
    monkeypatch.setattr(LocalKms, "create", lambda path, passphrase: make(path, passphrase, cost=CHEAP))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if SHARED is not None:
        return
    skip = pytest.mark.skip(reason="needs the development data beside the checkout (set INCAMERA_SHARED)")
    for item in items:
        if "shared" in item.keywords:
            item.add_marker(skip)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if SHARED is None:
        missed = sum("development data" in str(r.longrepr) for r in terminalreporter.stats.get("skipped", []))
        terminalreporter.write_line(f"{missed} tests on the development data were NOT run: it is not beside the checkout")
