"""How a part's words are written down: the columns of `Tokens.rows` and `Tokens.lines`, and what a word looks like."""

from __future__ import annotations

#: Columns of a word: its place, its bits (`tables`), its record, what it looks like, the gap before it, its line, its hash.
START, END, CODE, ROLES, RECORD, MARKS, GAP, LINE, ID = range(9)
WIDTH = 9

#: Columns of a line: its place, whether it shouts, and room for whether it is a headline (0 not asked, 1 yes, 2 no).
LINE_START, LINE_END, LOUD, HEADLINE = range(4)
LINE_WIDTH = 4

# What a word looks like: bits of MARKS.
CAPITAL = 1 << 0  # begins with a capital
SHOUTED = 1 << 1  # capitals only
SMALL = 1 << 2  # small letters only
PLAIN = 1 << 3  # equals its lower case
LETTERS = 1 << 4  # letters only
DIGITS = 1 << 5  # digits only
DECIMALS = 1 << 6  # decimal digits only
DIGIT = 1 << 7  # holds a digit
FIGURE_FIRST = 1 << 8  # begins with a digit
OPENS = 1 << 9  # a sentence, a line, a cell or a quotation begins with it

#: What a tag is blanked with in the view: no letter, no digit, no blank, so that nothing matches across it.
BLANK = "\ufffc"


def gap_code(gap: str) -> int:
    """*gap* as a number of the column GAP: up to three characters, -1 for more."""
    return sum(ord(c) << 21 * i for i, c in enumerate(gap)) if len(gap) <= 3 else -1
