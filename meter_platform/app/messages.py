"""Messages that quote what the platform did not write itself: typed text, values, names, addresses.

What belongs here: showing them as they are. What does not: sentences of the app's own, for which Streamlit's functions
take Markdown: there a quotation could be a link, a picture from elsewhere, or a formula.
"""

import streamlit as st


def failure(what: str, why: str) -> None:
    """An error.

    Args:
        what: did not work, in the app's own words.
        why: as it was said, shown letter by letter.
    """
    st.error(what, icon=":material/error:")
    st.text(why)


def blocked(what: str, why: str) -> None:
    """Something that is kept from working; arguments as of `failure`."""
    st.warning(what, icon=":material/block:")
    st.text(why)
