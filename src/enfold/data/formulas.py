"""Text in CSV files that a spreadsheet would take for a formula, and compute: it is written after an apostrophe.

Then a spreadsheet shows it as it is (OWASP, "CSV Injection"). A name of a file, a class or a column may be such text.
"""

import re

from enfold.data.arrays import is_number

FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")  # some spreadsheets take wide signs too


def escaped(text: str) -> str:
    """Return text as it is written into CSV; numbers stay, also negative ones.

    Example:
        >>> from enfold.data.formulas import escaped
        >>> escaped("=1+1"), escaped("'=1+1"), escaped("-1.5"), escaped("'tis")
        ("'=1+1", "''=1+1", '-1.5', "'tis")
    """
    begins_formula = FORMULA.match(text) and not (text[0] in "+-" and is_number(text))
    return f"'{text}" if begins_formula else text


def unescaped(text: str) -> str:
    """Return the text that was written as this; what was not written by `escaped` stays."""
    return text[1:] if text.startswith("'") and escaped(text[1:]) == text else text
