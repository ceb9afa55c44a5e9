"""The runner suite on the embedded engine, in worker processes and in the calling process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from incamera.engine.local import LocalRunner
from incamera.testing.runner_suite import RunnerSuite


class TestTwoProcesses(RunnerSuite):
    def runner(self, work: Path | None = None) -> Any:
        return LocalRunner(processes=2, work=work)


class TestCallingProcess(RunnerSuite):
    retries_workers = False

    def runner(self, work: Path | None = None) -> Any:
        return LocalRunner(processes=0, work=work)
