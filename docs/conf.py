"""How the documentation site is built: Sphinx on Markdown pages, `make docs`.

Two pages derive from the code when the site is built: the tables from their contracts, the settings from their class.
What does not belong here: text.
"""

import sys
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from generated_pages import write_generated_pages  # noqa: E402 - a module beside this one

write_generated_pages(HERE / "reference")

project = "Meter platform"
author = "the maintainers"
extensions = ["myst_parser"]
myst_enable_extensions = ["linkify", "colon_fence"]
myst_heading_anchors = 3
myst_linkify_fuzzy_links = False
nitpicky = True
exclude_patterns = ["_build"]
html_theme = "furo"
pygments_style = "friendly"  # furo's own does not tell the lines of a diff apart
html_title = project
html_static_path: list[str] = []
html_show_sourcelink = False
html_show_sphinx = False

EVERY_DECISION = """
```{toctree}
:hidden:
:glob:

*
```
"""


def _fit_into_the_site(_: Sphinx, page: str, source: list[str]) -> None:
    """Changes what reads well in the repository, and differs in the site, before a page is parsed."""
    if page == "decisions/README":
        source[0] += EVERY_DECISION


def setup(app: Sphinx) -> None:
    """Called by Sphinx.

    Args:
        app: what builds the site.
    """
    app.connect("source-read", _fit_into_the_site)
