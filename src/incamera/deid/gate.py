"""The vocabulary gate: a word survives only if it is known, and not a name in context.

Everything else is a finding. A word's fate follows from what is known of it (`lexicons.tables`), how it is written,
where it stands, and, where there is one, the names model. No list of bad words is ever complete; a list of
ordinary ones can be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from incamera.core.records import FindingKind
from incamera.deid.hits import Hit
from incamera.deid.lexicons import tables as t
from incamera.deid.lexicons import terms
from incamera.deid.opinion import Opinion
from incamera.deid.tokens import BLANK, Tokens, bits

#: What the names model adds beyond, and clears below: margins over "no name", in logits.
ADD, CLEAR = -3.4, -6.0
#: Where the author uses no capitals the model is nearly all there is: its dial is turned further up.
ADD_UNCASED, CLEAR_UNCASED = -4.3, -5.0
#: The same beside a tag, whose own word the model can no longer see: a second pass must not judge more harshly.
ADD_NEAR, CLEAR_NEAR = 3.0, 0.0

_ENUMERATION = re.compile(r"^[ \t>*#\-]*\(?\d{1,3}[.):][ \t]?$")
_LETTERS = re.compile(r"[^\W\d_]+")
_TAGS = re.compile(BLANK + "+")
_HUMPS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+|\d+")
_CLOSE = frozenset((" ", "-", "'", "’", ". ", ".", "-\n", "  ", "/", " & ", "&", "\n", ", "))
_JOIN = frozenset((" ", " . ", "-", ".-", "'", "’", ". ", ".", " & ", "&", "  ", " - ", " / ", "/", "\u00a0"))


class Gate:
    """The decisions for one part. *known* adds words that at least k subjects of the draw use."""

    def __init__(
        self,
        tokens: Tokens,
        table: t.Table,
        *,
        known: Mapping[str, int] | None = None,
        code: bool = False,
        scores: Opinion | None = None,
        bias: float = 0.0,
    ) -> None:
        self.tokens = tokens
        self.table = table
        self.known = known or {}
        self.code = code
        self.scores = scores
        self.bias = bias
        self._cleared = scores.below(CLEAR if tokens.cased else CLEAR_UNCASED, CLEAR_NEAR) if scores is not None else None
        self.masked: dict[int, tuple[str, FindingKind, float, str]] = {}
        self.spared: list[int] = []  #: numbers that count articles or steps: safe if that word itself survives
        self._capitals: list[int] = []
        self._seen: dict[str, int] = {}
        self._loud: dict[tuple[int, int], bool] = {}
        self._headlines: dict[tuple[int, int], bool] = {}

    def hits(self) -> list[Hit]:
        tokens = self.tokens
        safe = t.SAFE_CASED if tokens.cased else t.SAFE_UNCASED
        # Four words in five end here: in lower case, known, and silent about people.
        quiet = safe | _SPEAKS
        look = [
            i
            for i, (w, low, c) in enumerate(zip(tokens.words, tokens.lows, tokens.codes, strict=True))
            if c & quiet != safe or w != low
        ]
        for i in look:
            word, low, code = tokens.words[i], tokens.lows[i], tokens.codes[i]
            if word[0].isupper():
                self._capitals.append(i)
            if low.isalpha():
                if word == low:
                    self._lower(i, low, code, safe)
                else:
                    self._capital(i, word, low, code)
            elif not self._digits(i, low):
                self._lower(i, low, code, safe)
        self._modelled()
        self._introduced([i for i in look if tokens.codes[i] & (t.TITLE | t.VOCATIVE | t.ANNOUNCES)])
        self._phrases([i for i in look if tokens.codes[i] & t.PHRASE])
        self._runs()
        return list(self._emit())

    def _modelled(self) -> None:
        """What the names model points at, whatever the lists say."""
        if self.scores is None:
            return
        for i, label, score in self.scores.above((ADD if self.tokens.cased else ADD_UNCASED) - self.bias, ADD_NEAR):
            low = self.tokens.lows[i]
            if (
                i in self.masked
                or not low.isalpha()
                or (len(low) == 1 and low in "aiyoe")
                or (self.tokens.codes[i] & (t.FUNCTION | t.VOCATIVE) and score < 0)
            ):
                continue
            kind: FindingKind = (
                "direct" if label in _NAMES and score > 0 else "sensitive" if label in ("DEM", "HEALTH") else "quasi"
            )
            self.masked[i] = (label, kind, 0.5 if score < 0 else 0.8, "names.model")

    # --- one word --------------------------------------------------------------------------------------------------

    def _mask(self, i: int, label: str, kind: FindingKind, score: float, why: str) -> None:
        self.masked.setdefault(i, (label, kind, score, f"gate.{why}"))

    def _lower(self, i: int, low: str, code: int, safe: int) -> None:
        if self._describes(i, low, code):
            return
        if code & safe:
            return
        if low in self.known and not code & t.NAME:
            return
        if not code:
            code = self._bits(low)
            if code & t.SAFE_CASED:
                return
        if len(low) == 1 or (self.code and code & t.KNOWN and not code & t.NAME):
            return
        if self._cleared is not None and code & t.KNOWN and self._cleared[i]:
            return
        if code & t.NAME:
            self._mask(i, "LOC" if code & t.PLACE and not code & t.FIRST else "PERSON", "direct", 0.6, "name")
        else:
            self._mask(i, "OTHER", "direct", 0.4, "unknown")

    def _bits(self, low: str) -> int:
        """The bits of an unlisted word, by its endings; once a call for each."""
        if low not in self._seen:
            self._seen[low] = bits(low, self.table)
        return self._seen[low]

    def _describes(self, i: int, low: str, code: int) -> bool:
        """What says something about a person without naming one: people, faith, health, trade, kin."""
        if code & t.DEM:
            self._mask(i, "DEM", "sensitive", 0.7, "demographic")
        elif code & t.HEALTH:
            self._mask(i, "HEALTH", "sensitive", 0.5, "health")
        elif code & t.OCC:
            self._mask(i, "OCC", "quasi", 0.5, "occupation")
        elif code & t.NUMWORD and low not in _VAGUE:
            self._mask(i, "QUANTITY", "quasi", 0.4, "number-word")
        elif code & (t.KIN | t.SEX):
            self._mask(i, "KIN", "quasi", 0.5, "kin")
        else:
            return False
        return True

    def _digits(self, i: int, low: str) -> bool:
        """True where *low* holds a digit: it is a finding unless it only counts pages, steps or articles."""
        if not any(c.isdigit() for c in low):
            return False
        tokens = self.tokens
        if low.isdigit() and len(low) <= 3:
            a, b = tokens.spans[i]
            line = tokens.text.rfind("\n", 0, a) + 1
            if a - line <= 8 and _ENUMERATION.match(tokens.text[line : b + 2]):
                return True
            if i and tokens.lows[i - 1] in terms.REFERENCE_WORDS and tokens.gap(i).strip(" .\u00a0#") == "":
                self.spared.append(i)
                return True
            if tokens.text[max(0, a - 2) : a].strip() in ("§", "§§"):
                return True
            if self.code:
                return True
        self._mask(i, "NUMBER", "quasi", 0.4, "number")
        return True

    def _capital(self, i: int, word: str, low: str, code: int) -> None:
        tokens = self.tokens
        if len(word) == 1:
            self._initial(i, word)
            return
        if not code:
            code = self._bits(low)
        if self._describes(i, low, code):
            return
        if low in self.known and not code & t.NAME:
            code |= t.SAFE_CASED | t.SAFE_UNCASED | t.SAFE_START | t.SAFE_MID
        if code & t.SAFECAP and not code & t.FIRST:
            return
        if self.code and self._identifier(word):
            return
        if word.isupper() and len(word) > 1:
            if self._loud_line(i):
                if not code & t.SAFE_UNCASED:
                    self._name(i, code)
                return
            if len(word) > 3 and code & t.SAFE_START and code & (t.ORDINARY | t.FUNCTION):
                return
            self._name(i, code, "acronym")
            return
        if tokens.starts(i) or self._headline(i):
            if code & t.SAFE_START:
                return
            if code & t.TITLE:
                return
        elif code & t.SAFE_MID or code & t.TITLE:
            return
        self._name(i, code)

    def _initial(self, i: int, word: str) -> None:
        """A capital alone: an initial, unless it is I, opens a sentence as A, or counts a list."""
        tokens = self.tokens
        if word == "I" or (word in "AYEO" and (tokens.starts(i) or self._loud_line(i))) or self.code:
            return
        b = tokens.spans[i][1]
        if tokens.text[b : b + 1] in (")", "]") or (
            tokens.starts(i) and tokens.text[b : b + 2] in (". ", ".\t", ": ") and not self._upper(i + 1)
        ):
            return
        self._mask(i, "PERSON", "direct", 0.5, "initial")

    def _name(self, i: int, code: int, why: str = "capital") -> None:
        if (
            self._cleared is not None
            and self._cleared[i]
            and code & (t.ORDINARY | t.MIXED | t.FREQUENT)
            and not code & (t.FIRST | t.PLACE | t.BRAND | t.FIGURE)
        ):
            return
        if code & t.FIRST or (code & t.LAST and not code & (t.PLACE | t.ORDINARY | t.MIXED)):
            self._mask(i, "PERSON", "direct", 0.7, "name")
        elif code & t.PLACE:
            self._mask(i, "LOC", "direct", 0.7, "place")
        elif code & t.DATE:
            self._mask(i, "DATE", "quasi", 0.6, "date")
        elif code & t.ORG:
            self._mask(i, "ORG", "quasi", 0.5, "organisation")
        elif code & (t.ORDINARY | t.MIXED) or code & t.FREQUENT:
            self._mask(i, "OTHER", "quasi", 0.4, why)
        else:
            self._mask(i, "OTHER", "direct", 0.5, "unknown" if not code else why)

    def _identifier(self, word: str) -> bool:
        """In code: camelCase whose every hump is known and no name."""
        return all(self.table[h.lower()] & t.SAFE_CASED or len(h) == 1 for h in _HUMPS.findall(word))

    # --- what stands around it ------------------------------------------------------------------------------------------

    def _upper(self, i: int) -> bool:
        return 0 <= i < len(self.tokens.words) and self.tokens.words[i][0].isupper()

    def _joined(self, i: int) -> bool:
        """Whether word *i* may be one name with the word before it: a blank, a hyphen, the stop of an initial."""
        gap = self.tokens.gap(i)
        return gap in _JOIN and not ("." in gap and self.tokens.starts(i))

    def _line(self, i: int) -> tuple[int, int]:
        text, (a, b) = self.tokens.text, self.tokens.spans[i]
        start = text.rfind("\n", 0, a) + 1
        end = text.find("\n", b)
        return start, len(text) if end < 0 else end

    def _loud_line(self, i: int) -> bool:
        """Whether the line shouts: then capitals say nothing."""
        line = self._line(i)
        if line not in self._loud:
            # A tag counts as shouting: it never makes the gate stricter.
            shown = self.tokens.text[line[0] : min(line[1], line[0] + 400)].replace(BLANK, "X")
            upper, lower = sum(map(str.isupper, shown)), sum(map(str.islower, shown))
            self._loud[line] = upper + lower >= 8 and upper * 10 >= 7 * (upper + lower)
        return self._loud[line]

    def _headline(self, i: int) -> bool:
        """Whether the line is a title in which every longer word is an ordinary one and capitalised."""
        line = self._line(i)
        if line[1] - line[0] > 120:
            return False
        if line not in self._headlines:
            text = self.tokens.text[line[0] : line[1]]
            words = _LETTERS.findall(text)
            long = [w for w in words if len(w) > 3]
            tags = len(_TAGS.findall(text)) if BLANK in text else 0
            self._headlines[line] = (
                len(words) + tags >= 3
                and len(long) + tags >= 2
                and all(w[0].isupper() for w in long)
                and all(self.table[w.lower()] & t.SAFE_START for w in long)
            )
        return self._headlines[line]

    def _introduced(self, announcing: list[int]) -> None:
        """Names that their neighbours announce: "Mr", "my name is", "Dear"."""
        tokens = self.tokens
        lows, codes = tokens.lows, tokens.codes
        for i in announcing:
            code = codes[i]
            if code & t.TITLE and self._title(i):
                for j in range(i + 1, min(i + 4, len(lows))):
                    if not self._joined(j) or (codes[j] & t.FUNCTION and not self._upper(j)):
                        break
                    if not self._upper(j) and (j > i + 1 or codes[j] & t.SAFE_UNCASED):
                        break
                    self._mask(j, "PERSON", "direct", 0.8, "title")
                    self._mask(i, "PERSON", "quasi", 0.5, "title")
            elif (
                code & t.VOCATIVE
                and i + 1 < len(lows)
                and tokens.gap(i + 1) in (" ", ", ", ",\n", "\n", ",\n\n")
                and tokens.starts(i)
            ):
                following = codes[i + 1]
                if (self._upper(i + 1) or following & t.NAME) and not following & t.FUNCTION and following & _PLAIN != _PLAIN:
                    self._mask(i + 1, "PERSON", "direct", 0.6, "greeting")
            if code & t.ANNOUNCES:
                for pattern in _INTRODUCERS[lows[i]]:
                    if len(pattern) == 1 or tuple(lows[i : i + len(pattern)]) == pattern:
                        self._after(i + len(pattern))

    def _title(self, i: int) -> bool:
        low = self.tokens.lows[i]
        return low in _SHORT_TITLES or self._upper(i)

    def _after(self, j: int) -> None:
        tokens = self.tokens
        for k in range(j, min(j + 3, len(tokens.lows))):
            gap = tokens.gap(k)
            if (k > j and gap not in _JOIN) or len(gap) > 4 or ("." in gap and k > j):
                return
            code = tokens.codes[k]
            if code & t.FUNCTION or (code & t.SAFE_UNCASED and not self._upper(k) and (k > j or not code & t.NAME)):
                return
            if self._upper(k) or not tokens.cased or code & t.NAME or not code:
                self._mask(k, "PERSON", "direct", 0.7, "introduced")

    def _phrases(self, starting: list[int]) -> None:
        """Places of several words, in whatever case."""
        index = t.phrases()
        tokens = self.tokens
        lows = tokens.lows
        for i in starting:
            if i + 1 == len(lows):
                continue
            for words in index[lows[i]].get(lows[i + 1], ()):
                n = len(words)
                if tuple(lows[i : i + n]) == words and all(self._joined(j) for j in range(i + 1, i + n)):
                    if all(tokens.codes[j] & t.FUNCTION for j in range(i, i + n)) and not self._upper(i):
                        continue
                    for j in range(i, i + n):
                        self.masked[j] = ("LOC", "direct", 0.7, "gate.place")
                    break

    def _runs(self) -> None:
        """A run of capitals is one name: its ordinary words and the small words inside it go with it."""
        tokens, masked = self.tokens, self.masked
        n = len(tokens.words)
        done = -1
        for i in self._capitals:
            if i < done or self._refers(i) or (tokens.codes[i] & (t.FUNCTION | t.VOCATIVE) and i not in masked):
                continue
            run, j = [i], i + 1
            while j < n and self._joined(j):
                k = j
                while (
                    k < min(j + 3, n - 1)
                    and k not in masked
                    and tokens.codes[k] & t.CONNECTOR
                    and not self._upper(k)
                    and self._joined(k + 1)
                ):
                    k += 1
                if (
                    k >= n
                    or not self._upper(k)
                    or self._refers(k)
                    or (tokens.codes[k] & t.FUNCTION and k not in masked and tokens.words[k] != "I")
                ):
                    break
                run += range(j, k + 1)
                j = k + 1
            self._one_run(run)
            done = j
        self._lower_links()

    def _refers(self, i: int) -> bool:
        """ "Rule 44": the word belongs to its number, not to the name before it."""
        tokens = self.tokens
        if not tokens.codes[i] & t.REFERENCE:
            return False
        b = tokens.spans[i][1]
        return tokens.text[b + 1 : b + 2] == BLANK or (i + 1 < len(tokens.words) and tokens.words[i + 1][0].isdigit())

    def _one_run(self, run: list[int]) -> None:
        tokens, masked = self.tokens, self.masked
        capitals = [i for i in run if self._upper(i)]
        found = [i for i in capitals if i in masked and masked[i][0] in _NAMES]
        if (
            len(capitals) < 2
            or self._loud_line(run[0])
            or self._headline(run[0])
            or all(tokens.codes[i] & t.SAFECAP for i in capitals)
        ):
            return
        first = run[0]
        code = tokens.codes[first]
        opens = tokens.starts(first) and first not in masked and code & t.SAFE_START and not code & (t.NAME | t.ORG | t.TITLE)
        if opens and len(capitals) == 2 and found:
            # "Yesterday Anna ...": the word that only opens the sentence is no part of the name, unless more capitals follow.
            run = run[1:]
        label, kind, _, _ = masked[found[0]] if found else ("ORG", "quasi", 0.4, "")
        for i in run:
            self._mask(i, label, kind, 0.45, "run")

    def _lower_links(self) -> None:
        """Small letters between parts of a name ("anna k lee", "fox and gillespie", "Anna's"), case aside."""
        tokens, masked = self.tokens, self.masked
        n = len(tokens.words)
        for i in sorted(i for i in masked if masked[i][0] in _NAMES):
            label, kind = masked[i][0], masked[i][1]
            self._initials_before(i, label, kind)
            self._prefix_before(i, label, kind)
            j = i + 1
            if j >= n or j in masked:
                continue
            low, gap = tokens.lows[j], tokens.gap(j)
            if low == "s" and (gap.strip() in ("'", "’", "´", "`") or kind == "direct"):
                self._mask(j, label, kind, 0.4, "possessive")
            elif j + 1 in masked and masked[j + 1][0] in _NAMES and gap.strip(" ,.") == "" and self._joined(j + 1):
                if (len(low) == 1 and low not in "aiyeo") or low in _LINKS:
                    self._mask(j, label, kind, 0.4, "link")
            elif (
                gap == " "
                and tokens.codes[i] & t.FIRST
                and tokens.codes[j] & t.LAST
                and not tokens.codes[j] & (t.FUNCTION | t.FIRST)
                and tokens.words[i].islower()
            ):
                # "paul walker": after a first name in small letters, an ordinary word that is also a surname is one.
                self._mask(j, "PERSON", "direct", 0.4, "surname")

    def _prefix_before(self, i: int, label: str, kind: FindingKind) -> None:
        """ "al-sadr", "bin laden", "o'neill", and "The" where it is capitalised inside a sentence."""
        tokens = self.tokens
        j = i - 1
        if j < 0 or j in self.masked:
            return
        low, gap = tokens.lows[j], tokens.gap(i)
        if low in terms.NAME_PREFIXES:
            apostrophe = gap in ("'", "’", "´") and len(low) <= 2
            if gap == "-" or apostrophe or (gap == " " and low in _BEFORE_NAMES and label == "PERSON"):
                self._mask(j, label, kind, 0.4, "prefix")
        elif tokens.words[j] == "The" and gap == " " and self._upper(i) and not tokens.starts(j) and not self._loud_line(j):
            self._mask(j, label, "quasi", 0.4, "prefix")

    def _initials_before(self, i: int, label: str, kind: FindingKind) -> None:
        """ "j. m. huber": single letters that lead up to a name."""
        tokens = self.tokens
        j = i - 1
        while (
            j >= 0
            and j not in self.masked
            and len(tokens.words[j]) == 1
            and tokens.words[j].isalpha()
            and tokens.gap(j + 1) in (".", ". ", " ", " . ", ".-")
        ):
            if (tokens.gap(j + 1) == " " and tokens.lows[j] in "aiyoe") or tokens.gap(j) in ("'", "’"):
                return
            self._mask(j, label, kind, 0.4, "initial")
            j -= 1

    def _emit(self) -> Iterator[Hit]:
        for i in sorted(self.masked):
            label, kind, score, why = self.masked[i]
            a, b = self.tokens.spans[i]
            yield Hit(a, b, label, kind, score, why)


#: Number words that mostly count nothing.
_VAGUE = frozenset(
    [
        "one",
        "second",
        "first",
        "several",
        "few",
        "couple",
        "half",
        "un",
        "una",
        "une",
        "ein",
        "eine",
        "uno",
        "third",
        "once",
        "six",
        "dix",
        "a",
    ]
)
_NAMES = frozenset(("PERSON", "ORG", "LOC", "OTHER"))
_SHORT_TITLES = frozenset(
    ("mr", "mrs", "ms", "dr", "prof", "sr", "sra", "mme", "mlle", "herr", "frau", "señor", "señora", "monsieur", "madame")
)
_INTRODUCERS: dict[str, tuple[tuple[str, ...], ...]] = {
    p[0]: tuple(q for q in terms.INTRODUCERS if q[0] == p[0]) for p in terms.INTRODUCERS
}
_LINKS = frozenset(
    ["and", "y", "et", "und", "e", "de", "del", "der", "van", "von", "la", "al", "el", "bin", "di", "da", "dos", "du", "des"]
)
_BEFORE_NAMES = frozenset(["bin", "ibn", "abu", "al", "el", "van", "von", "della", "san", "santa"])
_PLAIN = t.SAFE_START | t.SAFE_MID
#: A known word may still say something: what it is, or what it begins.
_SPEAKS = t.DEM | t.HEALTH | t.OCC | t.KIN | t.SEX | t.NUMWORD | t.TITLE | t.VOCATIVE | t.ANNOUNCES | t.PHRASE
