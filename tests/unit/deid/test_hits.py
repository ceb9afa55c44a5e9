"""Rows of hits: their names, their codes, and the way there and back."""

from __future__ import annotations

import numpy as np

from incamera.deid import hits
from incamera.deid.hits import Hit
from incamera.deid.patterns.rules import RULES


def test_rows_keep_every_field() -> None:
    made = [Hit(3, 9, "PERSON", "direct", 0.45, "gate.run"), Hit(0, 2, "OTHER", "quasi", 0.999, "pattern.url")]
    assert list(hits.named(hits.rows(made))) == made


def test_comparing_detector_codes_compares_their_names() -> None:
    assert list(hits.DETECTORS) == sorted(hits.DETECTORS)
    assert len(set(hits.DETECTORS)) == len(hits.DETECTORS)


def test_every_rule_is_a_detector_of_a_known_label_and_kind() -> None:
    for rule in RULES:
        assert f"pattern.{rule.id}" in hits.DETECTOR_CODE
        assert rule.label in hits.LABEL_CODE
        assert rule.kind in hits.KIND_CODE


def test_joining_keeps_order_and_knows_nothing() -> None:
    a, b = hits.rows([Hit(5, 6, "AGE", "quasi", 0.4, "extend")]), hits.rows([Hit(1, 2, "DATE", "quasi", 0.4, "extend")])
    assert hits.join([a, hits.empty(), b])[:, hits.START].tolist() == [5, 1]
    assert hits.join([]).shape == (0, hits.WIDTH)
    assert hits.join([hits.empty()]).dtype == np.int32
