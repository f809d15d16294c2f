"""How Sphinx makes the documentation: `make docs` → build/docs/docs/index.html.

Its sources are those that one reads in the repository, with the same links.
"""

project = "enfold"
author = copyright = "The enfold authors"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
include_patterns = ["*.md", "docs/*.md", "benchmarks/*.md", "src/enfold/data/bundled/mnist/*.md"]
root_doc = "docs/index"
default_role = "literal"  # single backticks, as in the docstrings

html_theme = "furo"
html_title = "enfold"

myst_heading_anchors = 4
nb_execution_raise_on_error = True
nb_execution_timeout = -1  # a busy machine is no error

napoleon_use_ivar = True
strip_signature_backslash = True  # so that names may end in an underscore
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True


def setup(app):
    """Have asterisks in docstrings stand for themselves."""
    app.connect("autodoc-process-docstring", _escape_asterisks, priority=1)


def _escape_asterisks(app, what, name, thing, options, lines):
    lines[:] = [line.replace("*", r"\*") for line in lines]
