"""Seals a built volume: certificate, manifest, signature, ledger, and one file per recipient's eyes.

Order matters: the manifest's root is recorded in the ledger before the volume gets its name, so that no volume exists that
the ledger does not know; a crash between the two leaves an act without a volume, and the next run seals again.
"""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from incamera import disk
from incamera.core.canon import canonical
from incamera.core.errors import Malformed, Refused, Unverified
from incamera.core.ids import Digest, digest
from incamera.core.ports import Appender, Clock
from incamera.core.records import Entry, Production
from incamera.production import age
from incamera.production.files import world
from incamera.production.package import Package
from incamera_verify import certificate as page
from incamera_verify import manifest
from incamera_verify.errors import VerificationError
from incamera_verify.note import Signer


def seal(
    package: Package,
    *,
    certificate: Mapping[str, Any],
    signer: Signer,
    appender: Appender,
    export: Callable[[Path], object],
    actor: str,
    clock: Clock,
    recipients: Sequence[str] = (),
) -> Production:
    """Finish *package*, give it its name, and seal it to its recipients.

    Args:
        certificate: From `certificate.compose`.
        signer: The holder's production key; its public half was given to `build`.
        export: Writes the matter's ledger bundle into the directory it is given (which does not exist yet).
        actor: Who seals, as the ledger names them.
        recipients: age recipients of the sealed copy, `VOLUME.tar.age` beside the volume; none makes no copy.

    Raises:
        Refused: `production.other-signer`, `production.volume-exists`.
        Unavailable: `production.disk-full`, `production.io`, or the ledger's; nothing stands under the volume's name.
    Privacy: no text enters the ledger: volume, counts, Bates range and digests only.
    """
    staging, facts = package.staging, package.facts
    if signer.verifier != facts.manifest_key:
        raise Refused("production.other-signer", "the volume was built for another production key", where=facts.volume)
    keys = age.recipients(recipients) if recipients else []
    sealed_copy = staging.final.with_name(f"{staging.final.name}.tar.age")
    if staging.final.exists():
        raise Refused(
            "production.volume-exists", "a volume stands there already; volumes are never overwritten", where=facts.volume
        )
    try:
        data = canonical(certificate) + b"\n"
        staging.write(page.JSON, data)
        staging.write(page.HTML, page.page(certificate))
        listed = _manifest(package)
        for name, content in (
            (manifest.JSON, listed.to_json()),
            (manifest.SUMS, listed.sums()),
            (manifest.NOTE, bytes(listed.sign(signer))),
        ):
            staging.write(f"{manifest.DIRECTORY}/{name}", content)
        receipt = appender.append_many(_acts(package, listed, data, actor, len(keys)))[-1]
        export(staging.path / manifest.LEDGER)
        if recipients:  # before the volume has its name: whoever finds the volume finds the sealed copy too
            with world(str(sealed_copy)):
                sealed_copy.unlink(missing_ok=True)  # of a run that was killed; its volume never existed
            seal_directory(staging.path, sealed_copy, recipients, name=staging.final.name)
        staging.commit()
    except BaseException:
        package.discard()
        sealed_copy.unlink(missing_ok=True)
        raise
    return Production(
        volume=facts.volume,
        matter=facts.matter,
        first_bates=facts.first_bates,
        last_bates=facts.last_bates,
        items=package.items,
        manifest=Digest(listed.root),
        checkpoint=receipt.checkpoint,
        recipients=tuple(recipients),
        sealed_at=clock.now(),
    )


def _manifest(package: Package) -> manifest.Manifest:
    """The package's files, digested when it was built, and the certificate's."""
    root = package.staging.path
    added = [manifest.File(name, *manifest.digest_file(root / name)) for name in (page.JSON, page.HTML)]
    return manifest.Manifest(package.facts.volume, tuple(sorted([*package.files, *added])))


def _acts(package: Package, listed: manifest.Manifest, certificate: bytes, actor: str, recipients: int) -> list[Entry]:
    facts = package.facts
    built: dict[str, Any] = {"volume": facts.volume, "items": package.items, "root": package.root, "scope": facts.scope}
    if facts.documents:
        built |= {"first_bates": facts.first_bates, "last_bates": facts.last_bates}
    sealed = {
        "volume": facts.volume,
        "manifest": listed.root,
        "items": package.items,
        "recipients": recipients,
        "certificate": digest(certificate),
    }
    return [
        Entry(act="production.built", matter=facts.matter, actor=actor, fields=built),
        Entry(act="production.sealed", matter=facts.matter, actor=actor, fields=sealed),
    ]


# --- the sealed copy ---------------------------------------------------------------------------------------------------


def seal_directory(volume: Path, target: Path, recipients: Sequence[str], *, name: str = "") -> None:
    """Write *volume* as a deterministic tar, encrypted with age to all *recipients*, to *target*.

    Args:
        name: The directory's name inside the archive; that of *volume* unless given.

    Raises:
        Refused: `production.volume-exists`.
        Malformed: `production.bad-recipient`.
        Unavailable: `production.disk-full`, `production.io`, `production.seal-failed`.
    """
    with world(str(target)):
        if target.exists():
            raise Refused("production.volume-exists", "a sealed copy stands there already", where=str(target))
        with disk.replacing(target, mode=0o666) as stream, age.sealed(stream, recipients) as sealed:
            _tar(volume, name or volume.name, sealed)


def _tar(volume: Path, top: str, target: BinaryIO) -> None:
    """Sorted, without owners or times: the same volume gives the same archive."""
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for name in manifest.walk(volume):
            path = volume / name
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size, entry.mode, entry.mtime = path.stat().st_size, 0o644, 0
            with path.open("rb") as stream:
                archive.addfile(entry, stream)


@dataclass(frozen=True, slots=True)
class Unsealed:
    """Where an unsealed volume lies."""

    volume: Path


def unseal_directory(sealed: Path, out: Path, identity: str) -> Unsealed:
    """The receiving side: decrypt and unpack a sealed copy into *out*, which must not hold the volume yet.

    The archive is data from outside: only plain files with plain relative names inside one directory are written.

    Raises:
        Malformed: `production.bad-identity`, `production.bad-archive`.
        Unverified: `production.not-unsealed`.
        Refused: `production.volume-exists`.
        Unavailable: `production.disk-full`, `production.io`.
    Privacy: writes the volume's text to *out*; the decrypted archive itself passes through a nameless temporary file there.
    """
    with world(str(out)):
        out.mkdir(parents=True, exist_ok=True)
        with sealed.open("rb") as source, tempfile.TemporaryFile(dir=out) as plain:
            age.unseal(source, plain, identity)
            plain.seek(0)
            try:
                with tarfile.open(fileobj=plain, mode="r:") as archive:
                    return Unsealed(_unpack(archive, out))
            except (tarfile.TarError, EOFError):
                raise Malformed(
                    "production.bad-archive", "the decrypted file is not the archive of a volume", where=str(sealed)
                ) from None


def _unpack(archive: tarfile.TarFile, out: Path) -> Path:
    root: Path | None = None
    for entry in archive:
        try:
            name = manifest.check_path(entry.name)
        except VerificationError:
            raise Malformed("production.bad-archive", "a name in the archive leaves the volume", where=str(out)) from None
        top, _, inner = name.partition("/")
        if not entry.isreg() or not inner or (root is not None and root.name != top):
            raise Malformed("production.bad-archive", "the archive holds more than the plain files of one volume", where=str(out))
        if root is None:
            root = out / top
            if root.exists():
                raise Refused("production.volume-exists", "the volume stands there already", where=str(root))
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        content = archive.extractfile(entry)
        if content is None:
            raise Unverified("production.not-unsealed", "a file of the archive cannot be read", where=name)
        with target.open("xb") as stream:
            while block := content.read(io.DEFAULT_BUFFER_SIZE * 16):
                stream.write(block)
    if root is None:
        raise Malformed("production.bad-archive", "the archive is empty", where=str(out))
    return root
