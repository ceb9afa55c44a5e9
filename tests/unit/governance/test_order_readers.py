"""What an order says of readers: only with a rate, on which text, how many, and apart from approving."""

from __future__ import annotations

from pathlib import Path

import pytest

from incamera.core.errors import Malformed
from incamera.governance import keys
from incamera.governance import order as orders
from incamera.governance.terms import APPROVING_ROLES, ROLES

PAGE = Path(__file__).resolve().parents[3] / "docs/formats/order.md"


def load(tmp_path: Path, terms: str) -> orders.Order:
    """The example order of its page, with other words on de-identification."""
    text = PAGE.read_text("utf-8").partition("```toml\n")[2].partition("```")[0]
    before, _, after = text.partition("[deidentification]")
    for name in ("order.pdf", "works.csv", "notice.txt"):
        (tmp_path / name).write_text("made up")
    path = tmp_path / "order.toml"
    path.write_text(f"{before}[deidentification]\n{terms}\n\n[production]{after.partition('[production]')[2]}")
    return orders.load(path)


def test_the_defaults_ask_least_of_peoples_text(tmp_path: Path) -> None:
    terms = load(tmp_path, "max_leak_rate = 0.01").deidentification
    assert (terms.reading, terms.readings, terms.twice, terms.on_miss) == ("redacted", None, 0.1, "refuse")
    assert "deidentification.reading" not in dict(load(tmp_path, "").defaults)


def test_raw_text_needs_its_paragraph(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match=r"order\.missing-paragraph"):
        load(tmp_path, 'max_leak_rate = 0.01\nreading = "raw"')
    terms = load(tmp_path, 'max_leak_rate = 0.01\nreading = "raw"\nreadings = 300\nparagraph = "5"').deidentification
    assert (terms.reading, terms.readings) == ("raw", 300)


@pytest.mark.parametrize("key", ['on_miss = "refuse"', 'reading = "redacted"', "readings = 3", "twice = 0.5"])
def test_without_a_rate_there_is_nothing_to_read_for(tmp_path: Path, key: str) -> None:
    with pytest.raises(Malformed, match=r"order\.contradiction"):
        load(tmp_path, key)


def test_a_reader_does_not_approve(tmp_path: Path) -> None:
    assert "reader" in ROLES and "reader" not in APPROVING_ROLES
    made = keys.keygen(tmp_path / "r.pem", role="reader", name="R. Reader")
    assert 'role = "reader"' in made.trust_line()
