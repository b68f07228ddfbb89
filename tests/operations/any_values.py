"""Whatever may stand where a value is read: in a file that is JSON, in a setting."""

from __future__ import annotations

from hypothesis import strategies as st

from operations.machinery.settings import TIMEOUTS

# Anything that JSON can say.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)

# What group_data or `--data` can hold.
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.sampled_from(list(TIMEOUTS)), inner)
    ),
    max_leaves=8,
)
