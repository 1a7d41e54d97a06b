"""The app's frame: its pages, their addresses and their order. Streamlit runs this file anew for every interaction.

What does not belong here: what a page shows (`views/`).
"""

from pathlib import Path
from typing import Final

import streamlit as st

_PAGES: Final = Path(__file__).parent / "views"

st.set_page_config(page_title="Meter platform", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide")
st.navigation(
    [
        st.Page(_PAGES / "overview.py", title="Overview", icon=":material/monitoring:", default=True),
        st.Page(_PAGES / "consumption.py", title="Consumption", icon=":material/show_chart:"),
        st.Page(_PAGES / "products.py", title="Products", icon=":material/stacked_bar_chart:"),
        st.Page(_PAGES / "agreements.py", title="Agreements", icon=":material/handshake:"),
        st.Page(_PAGES / "quality.py", title="Quality", icon=":material/fact_check:"),
        st.Page(_PAGES / "tables.py", title="Tables", icon=":material/table:"),
        st.Page(_PAGES / "sql.py", title="SQL", icon=":material/terminal:"),
    ]
).run()
