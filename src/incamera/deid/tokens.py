"""A part cut into words, with what each is known for: the gate's view of a text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from incamera.deid import generalise
from incamera.deid.columns import BLANK, CODE, END, GAP, ID, MARKS, OPENS, ROLES, START, WIDTH
from incamera.deid.lexicons import characters
from incamera.deid.lexicons.words import Words

U32 = NDArray[np.uint32]

#: The labels a tag may carry. Closed: `[SMITH-1]` is no tag of ours and is treated as any other text.
LABELS = (
    "PERSON",
    "ORG",
    "LOC",
    "ADDRESS",
    "DATE",
    "TIME",
    "AGE",
    "EMAIL",
    "PHONE",
    "CARD",
    "IBAN",
    "BIC",
    "NATIONAL-ID",
    "PLATE",
    "IP",
    "MAC",
    "URL",
    "HANDLE",
    "GEO",
    "WALLET",
    "CASE",
    "CODE",
    "SECRET",
    "DEM",
    "OCC",
    "HEALTH",
    "KIN",
    "QUANTITY",
    "NUMBER",
    "ACCOUNT",
    "WITHHELD",
    "OTHER",
)

TAG = re.compile(r"\[(?:" + "|".join(LABELS) + r")-[1-9][0-9]{0,5}\]|\[WITHHELD: [A-Z-]{3,40}\]|" + generalise.TAG)


def blank_tags(text: str) -> str:
    """*text* with every tag of ours blanked, character for character."""
    if "[" not in text:
        return text
    return TAG.sub(lambda m: BLANK * (m.end() - m.start()) if generalise.is_tag(m.group()) else m.group(), text)


def survey(code_points: U32) -> int:
    """The classes (`lexicons.characters`) of all *code_points*, united. Cost: a nanosecond a character."""
    from incamera.deid import tokens_kernels as kernels

    return int(kernels.survey(code_points, characters.characters().classes))


def looks_like_code(tokens: Tokens) -> bool:
    """Whether some lines of *tokens* begin or end as lines of code do."""
    from incamera.deid import code_kernels as kernels

    return len(tokens.lines) > 1 and kernels.looks_like_code(tokens.points, tokens.lines, characters.characters().classes)


class Tokens:
    """Words of one part, as rows of numbers; strings are made only where somebody asks for them.

    `rows` has a row a word and the columns of `tokens_kernels`; `lines` a row a line. `points` and `folded` are code points of
    the text and of its words' lower case, one for one. All of it ends with the call that made it.
    """

    __slots__ = ("_cache", "cased", "folded", "lines", "points", "rows", "table", "text")

    def __init__(
        self,
        text: str,
        points: U32,
        folded: U32,
        rows: NDArray[np.int64],
        lines: NDArray[np.int32],
        table: Words | None,
        *,
        cased: bool,
    ) -> None:
        self.text = text
        self.points = points
        self.folded = folded
        self.rows = rows
        self.lines = lines
        self.table = table
        self.cased = cased
        self._cache: dict[str, Any] = {}

    @classmethod
    def empty(cls) -> Tokens:
        """The words of no text."""
        none = np.zeros(0, np.uint32)
        return cls("", none, none, np.zeros((0, WIDTH), np.int64), np.zeros((1, 4), np.int32), None, cased=True)

    def __repr__(self) -> str:
        return f"<Tokens {len(self.rows)}>"

    def __len__(self) -> int:
        return len(self.rows)

    # --- columns, contiguous --------------------------------------------------------------------------------------------

    @property
    def starts(self) -> NDArray[np.int32]:
        """Where each word begins, in code points."""
        return self._column("starts", START, np.int32)

    @property
    def ends(self) -> NDArray[np.int32]:
        return self._column("ends", END, np.int32)

    @property
    def bits(self) -> NDArray[np.int64]:
        """What each word is known for (`tables`); 0 is unknown."""
        return self._column("bits", CODE, np.int64)

    @property
    def roles(self) -> NDArray[np.int64]:
        """What each small word does beside others (`tables`)."""
        return self._column("roles", ROLES, np.int64)

    @property
    def marks(self) -> NDArray[np.int64]:
        """What each word looks like: bits of `tokens_kernels`."""
        return self._column("marks", MARKS, np.int64)

    @property
    def gaps(self) -> NDArray[np.int64]:
        """The gap before each word, as `gap_code` writes it; -1 where it is longer than three characters."""
        return self._column("gaps", GAP, np.int64)

    @property
    def ids(self) -> NDArray[np.int64]:
        """A hash of each word's lower case. Equal words have equal ids; where equality matters compare `folded` too."""
        return self._column("ids", ID, np.int64)

    def _column(self, name: str, column: int, kind: type) -> NDArray[Any]:
        found = self._cache.get(name)
        if found is None:
            found = self._cache[name] = self.rows[:, column].astype(kind)
        return found

    # --- the same as Python values ----------------------------------------------------------------------------------------

    @property
    def spans(self) -> list[tuple[int, int]]:
        return self._listed("spans", lambda: list(zip(self.starts.tolist(), self.ends.tolist(), strict=True)))

    @property
    def words(self) -> list[str]:
        return self._listed("words", lambda: [self.text[a:b] for a, b in self.spans])

    @property
    def lows(self) -> list[str]:
        lower = self.folded.tobytes().decode("utf-32-le", "surrogatepass")
        return self._listed("lows", lambda: [lower[a:b] for a, b in self.spans])

    @property
    def codes(self) -> list[int]:
        return self._listed("codes", self.bits.tolist)

    def _listed(self, name: str, make: Callable[[], list[Any]]) -> list[Any]:
        found = self._cache.get(name)
        if found is None:
            found = self._cache[name] = make()
        return found

    def gap(self, i: int) -> str:
        """What stands between word i-1 and word i."""
        return self.text[int(self.rows[i - 1, END]) if i else 0 : int(self.rows[i, START])]

    def opens(self, i: int) -> bool:
        """Whether a sentence, a line, a cell or a quotation begins with word *i*."""
        return bool(self.rows[i, MARKS] & OPENS)


def tokenise(text: str, table: Words, code_points: U32 | None = None) -> Tokens:
    """Words of *text* (a view, tags blanked) and what *table* knows of each.

    A word is a run of letters, digits and, in scripts that write them, marks.

    Args:
        code_points: of *text*, where the caller has them.
    Cost: one compiled pass, some 10 ns a character.
    """
    from incamera.deid import tokens_kernels as kernels

    points = characters.points(text) if code_points is None else code_points
    classes, lower = characters.characters()
    folded, rows, lines, cased = kernels.cut(points, text.isascii(), text.count("\n"), classes, lower, table.slots, table.records)
    return Tokens(text, points, folded, rows, lines, table, cased=cased)
