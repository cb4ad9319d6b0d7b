"""Sphinx configuration. Build with: sphinx-build -W docs docs/_build"""

project = "fastnn"
author = "The fastnn developers"
copyright = "2026, the fastnn developers"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
html_theme = "furo"
html_title = "fastnn"
exclude_patterns = ["_build"]
autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_param = False
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
