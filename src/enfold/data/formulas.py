"""Text in CSV files that a spreadsheet would run as a formula is written after an apostrophe.

A spreadsheet then shows it as text (OWASP, "CSV Injection"). Names of files, classes and columns may be such text.
"""

import re

from enfold.data.arrays import is_number

FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")  # some spreadsheets take wide signs too


def escaped(text: str) -> str:
    """Return text as written to CSV, escaped if it is a formula; numbers stay, negative ones too.

    Example:
        >>> from enfold.data.formulas import escaped
        >>> escaped("=1+1"), escaped("'=1+1"), escaped("-1.5"), escaped("'tis")
        ("'=1+1", "''=1+1", '-1.5', "'tis")
    """
    begins_formula = FORMULA.match(text) and not (text[0] in "+-" and is_number(text))
    return f"'{text}" if begins_formula else text


def unescaped(text: str) -> str:
    """Return the text that `escaped` was given; other text stays."""
    return text[1:] if text.startswith("'") and escaped(text[1:]) == text else text
