"""Two writers of canonical JSON, the product's library and the verifier's own, make the same bytes."""

from __future__ import annotations

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from incamera.core.canon import canonical as product
from incamera_verify.canon import canonical as verifier

TEXT = st.text()  # hypothesis never draws surrogates here unless asked
KEYS = st.text(st.characters(max_codepoint=127))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=30,
)


@given(VALUES)
def test_both_make_the_same_bytes(value: object):
    assert verifier(value) == product(value) == rfc8785.dumps(value)
