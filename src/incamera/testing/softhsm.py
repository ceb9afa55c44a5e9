"""A token of SoftHSM in a directory of its own: a hardware module for tests, from Debian's `softhsm2`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MODULES = (Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/local/lib/softhsm/libsofthsm2.so"))


def module() -> Path | None:
    """The module, or None where SoftHSM is not installed."""
    found = next((path for path in _MODULES if path.exists()), None)
    return found if shutil.which("softhsm2-util") else None


@contextmanager
def token(place: Path, label: str, pin: str) -> Iterator[str]:
    """A fresh token in *place*, which must not have one; SoftHSM knows no other until the block ends."""
    import pkcs11

    library = module()
    assert library is not None
    (place / "tokens").mkdir()
    (place / "softhsm.conf").write_text(f"directories.tokendir = {place / 'tokens'}\nobjectstore.backend = file\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(place / "softhsm.conf")
    try:
        command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", "so-" + pin]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - found on the path, arguments are the test's
        pkcs11.lib(str(library)).reinitialize()  # a process reads the configuration once: another test may have had its own
        yield label
    finally:
        if before is None:
            os.environ.pop("SOFTHSM2_CONF", None)
        else:
            os.environ["SOFTHSM2_CONF"] = before
