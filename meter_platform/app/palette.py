"""Colours that colour-blind people can tell apart, on light and on dark.

Source: Okabe and Ito, "Color Universal Design" (2008). Black and yellow are left out: one vanishes on a dark page, the
other on a light one. What does not belong here: charts.
"""

from typing import Final

BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
GREEN: Final = "#009E73"
VERMILLION: Final = "#D55E00"
SKY: Final = "#56B4E9"
PURPLE: Final = "#CC79A7"
GREY: Final = "#8C8C8C"
"""For what is no category: the rest, the unknown, the suppressed."""

CATEGORIES: Final = (BLUE, ORANGE, GREEN, VERMILLION, SKY, PURPLE)
"""In the order they are given out. More than these cannot be told apart: the rest is drawn as one."""

SEQUENCE: Final = "cividis"
"""For heat maps: of even lightness, and the same to every eye (Nuñez, Anderton, Renslow 2018)."""

STREAMLIT_THEME: Final = {
    "theme.light.primaryColor": BLUE,
    "theme.dark.primaryColor": SKY,
    "theme.light.linkColor": BLUE,
    "theme.dark.linkColor": SKY,
    "theme.metricValueFontSize": "1.6rem",
    "theme.headingFontSizes": '["2rem", "1.6rem", "1.25rem"]',
}
