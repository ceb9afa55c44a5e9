"""The certificate: every figure with its class, nothing from outside, and nothing it could run."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from incamera.core.errors import Malformed
from incamera.production import DEMONSTRATION, SINGLE_OPERATOR, Figure, compose
from incamera.production.certificate import NOT_SHOWN
from incamera.testing.volumes import START, World
from incamera_verify import certificate as form
from incamera_verify.errors import VerificationError


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append(data.strip())


@pytest.fixture(scope="module")
def stated(volume: Path) -> dict[str, object]:
    return form.parse((volume / form.JSON).read_bytes())


def test_every_figure_says_who_can_check_it(stated: dict[str, object]) -> None:
    figures = stated["figures"]
    assert isinstance(figures, list)
    assert {figure["class"] for figure in figures} == {"recomputable", "neutral", "attested"}
    assert all(figure["how"] and figure["label"] for figure in figures)


def test_the_page_is_self_contained_and_inert(volume: Path) -> None:
    page = (volume / form.HTML).read_text()
    seen = _Tags()
    seen.feed(page)
    names = {tag for tag, _ in seen.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "form", "a"}
    assert not any(name in attributes for _, attributes in seen.tags for name in ("src", "href", "onload", "onclick", "style"))
    assert "url(" not in page
    assert "@import" not in page


def test_the_labels_are_the_first_words_of_the_page(matter: World, tmp_path: Path) -> None:
    package = matter.build(tmp_path / "V")
    both = [SINGLE_OPERATOR, DEMONSTRATION]
    page = form.page(compose(package, labels=both, keys="k", software={}, issued_at=START)).decode()
    package.discard()
    body = _Tags()
    body.feed(page[page.index("<body") :])
    assert body.text[:2] == both


def test_the_page_ends_with_what_it_does_not_show(volume: Path) -> None:
    page = (volume / form.HTML).read_text()
    assert "What this does not show" in page
    assert page.count("<li>") >= len(NOT_SHOWN)


def test_markup_in_a_caption_is_text(matter: World, tmp_path: Path) -> None:
    hostile = '<script>alert(1)</script>" & \u202e'
    package = matter.build(tmp_path / "V", terms=matter.terms(caption=hostile))
    figure = Figure(id="x<y", label=hostile, value=hostile, kind="attested", how=hostile, section=hostile)
    made = compose(
        package,
        figures=[figure],
        deviations=[hostile],
        defaults=[(hostile, hostile)],
        keys=hostile,
        software={hostile: hostile},
        issued_at=START,
    )
    package.discard()
    page = form.page(made).decode()
    assert "<script" not in page
    assert 'id="x&lt;y"' in page


def test_no_figure_of_the_volume_can_be_overridden(matter: World, tmp_path: Path) -> None:
    package = matter.build(tmp_path / "V")
    double = Figure(id="rows.total", label="Rows", value=1, kind="attested", how="", section="Frame")
    with pytest.raises(Malformed) as flaw:
        compose(package, figures=[double], keys="k", software={}, issued_at=START)
    assert flaw.value.code == "production.bad-certificate"
    package.discard()


def test_numbers_are_grouped_and_strings_are_not() -> None:
    assert form.display(1234567) == "1\u202f234\u202f567"
    assert form.display("1234567") == "1234567"


@pytest.mark.parametrize(
    "change",
    [
        {"version": "incamera/certificate/2"},
        {"labels": "DEMONSTRATION"},
        {"extra": 1},
        {"figures": [{"id": "a"}]},
        {"figures": [{"id": "a", "label": "", "value": True, "class": "attested", "how": "", "section": "Frame"}]},
        {"figures": [{"id": "a", "label": "", "value": 1, "class": "sworn", "how": "", "section": "Frame"}]},
        {"figures": [{"id": "a", "label": "", "value": 1, "class": "attested", "how": "", "section": "Elsewhere"}]},
        {"defaults": [["a", "b"]]},
    ],
)
def test_another_form_is_refused(stated: dict[str, object], change: dict[str, object]) -> None:
    with pytest.raises(VerificationError, match=r"certificate\.malformed"):
        form.check_form({**stated, **change})


def test_a_certificate_is_canonical(stated: dict[str, object]) -> None:
    with pytest.raises(VerificationError, match=r"certificate\.malformed"):
        form.parse(json.dumps(stated, indent=2).encode())
    with pytest.raises(VerificationError, match=r"certificate\.malformed"):
        form.parse(b'{"version":1.5}')


def test_the_statement_counts(matter: World, tmp_path: Path) -> None:
    package = matter.build(tmp_path / "V", terms=replace(matter.terms(), volume="VOL009"))
    made = compose(package, keys="k", software={}, issued_at=START)
    package.discard()
    assert re.search(
        r"Volume VOL009 holds the whole de-identified draw: 12 conversations, 4 of them as numbered documents",
        made["statements"][0],
    )
