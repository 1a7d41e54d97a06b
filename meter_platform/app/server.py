"""The app as a web server that answers only its own pages. Streamlit runs this file once.

What does not belong here: pages (`main.py`), options and processes (`launch.py`), what is refused (`own_address.py`).
"""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from meter_platform.own_address import OwnAddressOnly

app = st.App(
    Path(__file__).with_name("main.py"),
    middleware=[Middleware(OwnAddressOnly, host=st.get_option("server.address"))],
)
