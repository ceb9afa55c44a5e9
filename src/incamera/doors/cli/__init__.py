"""The command line. `main` is the program; every command group is one file beside this one."""

from __future__ import annotations

from incamera.doors.cli.app import main

__all__ = ["main"]
