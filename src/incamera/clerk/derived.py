"""The register of copies: what a matter makes out of conversations is entered before the first of them is opened."""

from __future__ import annotations

from incamera.clerk.desk import Desk
from incamera.clerk.home import Home
from incamera.vault.register import Derived


def enter_matter(desk: Desk) -> None:
    """What stays of conversations outside of the examination, which enters its own: who is who in the frame, and what leaves."""
    for derived in (
        Derived(
            name=f"{desk.matter}: row map",
            kind="row map",
            reach="ages-out",
            key_path="matter key 'row-map'",
            note="random references only; it names nothing once a reference opens nothing",
        ),
        Derived(
            name=f"{desk.matter}: volume {desk.order.production.volume}",
            kind="production",
            reach="not-reachable",
            key_path="the recipients' own keys",
            note="de-identified; what was delivered is taken back by an overlay, not by a shred",
        ),
    ):
        desk.home.vault.register.add(derived)


def enter_export(home: Home, name: str) -> None:
    """A copy in the clear that leaves the vault's reach: of a broken glass."""
    home.vault.register.add(
        Derived(
            name=name,
            kind="raw export",
            reach="not-reachable",
            key_path="none: a file of the officer's",
            note="opened in an emergency; whoever holds the file destroys it after the review",
        )
    )


def enter_ciphertext(desk: Desk) -> None:
    """Sealed conversations that leave the vault's reach as an order's answer; only their subjects can open them."""
    desk.home.vault.register.add(
        Derived(
            name=f"{desk.matter}: client-encrypted",
            kind="ciphertext export",
            reach="not-reachable",
            key_path="the subjects' own keys",
            note="nobody but the subject opens it; a shred here does not reach the copy",
        )
    )


def enter_standing(home: Home, name: str, *, form: str, sealed_to_person: bool) -> None:
    """What a standing grant lets leave, and what is made on the way; counts are of nobody, and are no copy."""
    register = home.vault.register
    if form == "deidentified":
        key, note = "conversation key / working set of the request", "redacted text; erased when the request is used"
        register.add(Derived(name=f"{name}: working set", kind="working set", reach="dies-with-key", key_path=key, note=note))
    if form == "counts":
        return
    key = "the person's own key" if sealed_to_person else "none: a file of whoever asked"
    note = "whoever holds the file destroys it when the purpose is fulfilled"
    register.add(Derived(name=name, kind=f"{form} export", reach="not-reachable", key_path=key, note=note))
