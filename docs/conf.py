"""How Sphinx makes the documentation: `make docs` → build/docs/docs/index.html.

Its sources are those that one reads in the repository, with the same links.
"""

import re

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
    """Have asterisks in docstrings stand for themselves, and write the tables of options from the code."""
    app.connect("autodoc-process-docstring", _escape_asterisks, priority=1)
    app.connect("source-read", lambda app, name, source: source.__setitem__(0, with_options(source[0])))


def with_options(text):
    """Return a page with a table in the place of each comment "options: PART" or "options: settings"."""
    return re.sub(r"<!-- options: (\w+) -->", lambda found: _table(found[1]), text)


def _table(part):
    from enfold.config import Config, describe
    from enfold.options import choices_of, described

    if part == "settings":
        rows = [each for each in describe(Config()) if "." not in each.name and each.name not in Config().choices]
    else:
        rows = []
        for name, choice in choices_of(part).items():
            rows += [(f"{part}={name}", "", choice.summary()), *described(choice())]
    lines = [f"| `{name}` | {str(value).removesuffix('.0')} | {meaning} |" for name, value, meaning in rows]
    return "\n".join(["| what to type | default | meaning |", "|---|---|---|", *lines])


def _escape_asterisks(app, what, name, thing, options, lines):
    lines[:] = [line.replace("*", r"\*") for line in lines]
