"""`order.toml`, read strictly: what the court said becomes typed terms, and what it left open becomes a printed default.

One function a section, in the order of the document. A key that nobody asked for, a date that cannot be, two keys that
contradict each other: each is an error that names file, line and key. Three things never get a default, because only a court
or the parties can decide them: what is responsive, what leaves, and under which designation.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

from incamera.core.crypto import parse_public
from incamera.core.errors import Malformed
from incamera.core.facts import Rule, Selection, is_region
from incamera.core.ids import Digest, digest
from incamera.governance import files
from incamera.governance.strict import DECIDED, Document, Section
from incamera.governance.terms import (
    APPROVING_ROLES,
    ELICITATION,
    ROLES,
    Committed,
    DeidentificationTerms,
    HoldTerms,
    MatchingTerms,
    MatterTerms,
    NoticeTerms,
    Order,
    PartiesTerms,
    PrivacyTerms,
    ProductionTerms,
    Recipient,
    ResponsiveTerms,
    SampleTerms,
    Signer,
    WorksTerms,
)

_SECTIONS = (
    "matter",
    "hold",
    "frame",
    "sample",
    "parties",
    "works",
    "matching",
    "responsive",
    "deidentification",
    "production",
    "privacy",
    "notice",
    "recipients",
    "trust",
)
_RULES = "temporary, deletion_requested, party_account, undated, output_missing, tier:NAME, region:NAME, source:NAME"
#: Where a day begins first it is tomorrow already: an order made there today must not seem to come from the future.
_ALLOWANCE = timedelta(days=1)
#: The delimiters of a load file (Concordance: quote, line end, field). What stands on every page of a volume cannot hold them.
_DELIMITERS = "\u00fe\u00ae\x14"
#: What the silence of an order means, where the default does not say it by itself.
_SILENCE = {
    "matter.protective_order": "none named",
    "hold.until": "until released",
    "frame.from": "any",
    "frame.to": "any",
    "frame.tiers": "any",
    "frame.regions": "any",
    "sample.extends": "no earlier draw",
    "works.schedule": "none",
    "deidentification.languages": "every covered language",
    "deidentification.max_leak_rate": "none set",
    "deidentification.detectors": "no further detector",
    "deidentification.utility": "no utility contract",
    "privacy.rho": "0, no noisy counts",
    "notice.days": "0, none ordered",
    "notice.template": "none",
    "notice.exemption_paragraph": "none",
}
_PARTY = r"[a-z0-9][a-z0-9._-]{0,63}"


def load(path: Path, *, today: date | None = None) -> Order:
    """Read an order.

    Args:
        path: The order file; the documents it names are looked for beside it.
        today: The day (UTC) after which no order can be made, a day's allowance for time zones aside.
    Raises:
        Malformed: `order.*`, with file, line and key; see docs/errors/governance.md. The hint lists what else is wrong,
            section by section.
        Refused: `order.no-default`, a decision that the order must make.
        Unavailable: `governance.unreadable`, the file or a document it names cannot be read.
    """
    data = files.read(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as flaw:
        raise Malformed("order.not-toml", "an order is UTF-8 text", where=f"{path.name} byte {flaw.start}") from None
    document = Document(text, path.name, _SILENCE)
    read = document.read
    matter = read(_matter, path.parent, today or datetime.now(UTC).date())
    frame = read(_frame)
    matching = read(_matching)
    order = Order(
        digest=digest(data),
        matter=matter,
        hold=read(_hold, matter),
        frame=frame,
        sample=read(_sample),
        parties=read(_parties),
        works=read(_works, path.parent),
        matching=matching,
        responsive=read(_responsive, matching),
        deidentification=read(_deidentification, path.parent),
        production=read(_production),
        privacy=read(_privacy),
        notice=read(_notice),
        recipients=read(_recipients),
        signers=read(_signers),
        defaults=tuple(document.defaults),
        paragraphs=dict(document.paragraphs),
    )
    document.close(_SECTIONS)
    return order


def _matter(document: Document, beside: Path, today: date) -> MatterTerms:
    with document.section("matter") as s:
        number = s.text("number", without=_DELIMITERS)
        slug = re.sub(r"[^a-z0-9._]+", "-", number.lower()).strip("-")[:64]
        if not re.search(r"[0-9]|[a-z].*[a-z].*[a-z]", slug):
            raise s.bad("number", "the docket number names the matter in the ledger: it needs a digit, or three letters a to z")
        ordered = s.day("order_date")
        if ordered > today + _ALLOWANCE:
            hint = f"an order cannot be dated after today, {today} (a day's allowance for time zones)"
            raise Malformed("order.bad-date", hint, where=s.where("order_date"))
        name = s.text("order_document")
        return MatterTerms(
            caption=s.text("caption", without=_DELIMITERS),
            number=number,
            court=s.text("court", without=_DELIMITERS),
            order_date=ordered,
            order_document=name,
            order_document_sha256=_document(s, "order_document", beside, name),
            protective_order=s.text("protective_order", None),
            id=slug,
        )


def _document(s: Section, key: str, beside: Path, name: str) -> Digest:
    """SHA-256 of a file that the order names, relative to the order."""
    if Path(name).is_absolute():
        raise s.bad(key, "expected a path relative to the order file")
    if not (beside / name).is_file():
        raise Malformed("order.missing-document", "the file that the order names is not there", where=s.where(key))
    return files.digest_of(beside / name)


def _hold(document: Document, matter: MatterTerms) -> HoldTerms:
    with document.section("hold") as s:
        listed = isinstance(s.peek("scope"), list)
        scope = _rules(s, "scope") if listed else s.choice("scope", ("all", "frame", "listed"), "frame")
        accounts = s.texts("accounts")
        domains = s.texts("domains", pattern=r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", hint="expected domain names, as example.org")
        until = s.day("until", None)
        if until is not None and until < matter.order_date:
            raise s.contradiction("until", "the hold would end before the order was made")
        if scope in ("listed", ()) and not accounts and not domains:
            raise s.contradiction("scope", "a listed hold needs accounts or domains")
        return HoldTerms(scope=scope, until=until, accounts=accounts, domains=tuple(d.lower() for d in domains))


def _rules(s: Section, key: str) -> tuple[Rule, ...]:
    parsed = []
    for name in s.texts(key):
        rule = Rule.parse(name)
        if rule is None:
            hint = (
                "a member state cannot be told from the EEA: name EEA"
                if name.startswith("region:")
                else f"known rules are {_RULES}"
            )
            raise Malformed("order.unknown-rule", hint, where=s.where(key))
        parsed.append(rule)
    return tuple(parsed)


def _frame(document: Document) -> Selection:
    with document.section("frame") as s:
        first, last = _bounds(s, s.moment("from"), s.moment("to"))
        tiers = s.texts("tiers", None)
        regions = s.texts("regions", None)
        for region in regions or ():
            if not is_region(region):
                raise Malformed(
                    "order.unknown-rule", "regions are EEA, UK, CH, unknown, or ISO codes outside them", where=s.where("regions")
                )
        exclusions = _rules(s, "exclusions")
        for rule in exclusions:
            listed = {"tier": tiers, "region": regions}.get(rule.kind) or ()
            if rule.value.casefold() in {item.casefold() for item in listed}:
                raise s.contradiction("exclusions", f"{rule.name} is both included and excluded")
        for key, listed in (("tiers", tiers), ("regions", regions)):
            if listed == ():
                raise s.contradiction(key, "an empty list leaves nothing in the frame")
        return Selection(first=first, last=last, tiers=tiers, regions=regions, exclusions=exclusions)


def _bounds(s: Section, first: str | None, last: str | None) -> tuple[str | None, str | None]:
    """Both ends as months where whole months are meant, else both as days. Whole months need less from the source."""
    start, end = _period(s, "from", first), _period(s, "to", last)
    if start and end and start[0] > end[1]:
        raise s.contradiction("from", "the frame would end before it begins")
    opens = start is None or start[0].day == 1
    closes = end is None or end[1].day == monthrange(end[1].year, end[1].month)[1]
    width = len("2024-01") if opens and closes else len("2024-01-31")
    return start and start[0].isoformat()[:width], end and end[1].isoformat()[:width]


def _period(s: Section, key: str, text: str | None) -> tuple[date, date] | None:
    """First and last day that a month or a day stands for."""
    if text is None:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d\d", text):
            year, month = int(text[:4]), int(text[5:])
            return date(year, month, 1), date(year, month, monthrange(year, month)[1])
        day = date.fromisoformat(text)
        return day, day
    except ValueError:
        raise Malformed("order.bad-date", "expected a month, as 2022-12, or a day, as 2022-12-01", where=s.where(key)) from None


def _sample(document: Document) -> SampleTerms:
    with document.section("sample") as s:
        size = s.whole("size", 1, 2**40, "all", words=("all",))
        commitments = []
        for place, row in s.tables("commitments", ("party", "commitment", "key")):
            if not re.fullmatch(_PARTY, row["party"]):
                raise s.bad(f"{place}.party", "expected a short name in lower case")
            if not re.fullmatch(r"[0-9a-f]{64}", row["commitment"]):
                raise s.bad(f"{place}.commitment", "expected 64 hex digits in lower case")
            _key(s, f"{place}.key", row["key"])
            commitments.append(Committed(**row))
        if len({c.party for c in commitments}) != len(commitments):
            raise s.contradiction("commitments", "a party commits to one seed")
        fallback = s.choice("fallback", ("refuse", "without-party"), "refuse")
        if size != "all" and not commitments:
            raise Malformed(
                "order.missing-key", "a draw needs seed commitments, else its maker chooses it", where=s.where("commitments")
            )
        if fallback == "without-party" and len(commitments) == 1:
            raise s.contradiction("fallback", "without its only party no seed is left")
        return SampleTerms(
            size=None if size == "all" else size,
            strata=s.texts("strata", ("month",), of=("month", "region", "tier", "source")),
            commitments=tuple(commitments),
            fallback=fallback,
            extends=s.text("extends", None, pattern=r"[0-9a-f]{64}", hint="expected the SHA-256 of the earlier draw file"),
        )


def _parties(document: Document) -> PartiesTerms:
    with document.section("parties") as s:
        return PartiesTerms(accounts=s.texts("accounts"))


def _works(document: Document, beside: Path) -> WorksTerms:
    with document.section("works") as s:
        schedule = s.text("schedule", None)
        found = _document(s, "schedule", beside, schedule) if schedule else None
        return WorksTerms(schedule=schedule, schedule_sha256=found, confidential=s.flag("confidential", True))


def _matching(document: Document) -> MatchingTerms:
    with document.section("matching") as s:
        words = s.whole("min_words", 8, 10_000, 8)
        protect = s.whole("protect_words", 8, 10_000, 25)
        if protect < words:
            raise s.contradiction("protect_words", "a run is protected only if it is found: protect_words is at least min_words")
        return MatchingTerms(min_words=words, protect_words=protect)


def _responsive(document: Document, matching: MatchingTerms) -> ResponsiveTerms:
    with document.section("responsive") as s:
        run = s.whole("min_run", 1, 100_000, DECIDED)
        if run < matching.min_words:
            raise s.contradiction("min_run", "runs shorter than matching.min_words are not searched for")
        commonness = s.whole("max_commonness", 0, 2**40, DECIDED, words=("any",))
        elicitation = s.peek("elicitation")
        if elicitation == "any":
            s.text("elicitation")
        else:
            elicitation = s.texts("elicitation", DECIDED, of=ELICITATION)
        return ResponsiveTerms(
            min_run=run,
            min_coverage=s.number("min_coverage", 0, 1, DECIDED),
            max_commonness=None if commonness == "any" else commonness,
            roles=s.texts("roles", DECIDED, of=("assistant", "user", "system", "tool")),
            elicitation=None if elicitation == "any" else elicitation,
        )


def _deidentification(document: Document, beside: Path) -> DeidentificationTerms:
    with document.section("deidentification") as s:
        utility = s.text("utility", None)
        sha256 = _document(s, "utility", beside, utility) if utility else None
        rate = s.number("max_leak_rate", 0, 1, None)
        for key in ("on_miss", "reading", "readings", "twice"):
            if rate is None and s.given(key):
                raise s.contradiction(key, "without max_leak_rate nothing is measured, and nothing can miss it")
        confidence = s.number("confidence", 0.5, 0.9999, 0.95)
        reading, readings, twice = _reading(s) if rate is not None else ("redacted", None, 0.0)
        return DeidentificationTerms(
            recipe=s.choice("recipe", ("conservative", "utility"), "conservative"),
            k=s.whole("k", 2, 10**9, 50),
            surrogates=s.choice("surrogates", ("tag", "realistic"), "tag"),
            linkage=s.choice("linkage", ("conversation", "subject"), "conversation"),
            languages=s.texts("languages", (), pattern=r"[a-z]{2,3}", hint="expected language codes, as en"),
            max_leak_rate=rate,
            confidence=confidence,
            on_miss=s.choice("on_miss", ("refuse", "withhold-stratum", "room-only"), "refuse"),
            reading=reading,
            readings=readings,
            twice=twice,
            utility=_contract(s, beside / utility) if utility else None,
            utility_sha256=sha256,
            detectors=s.texts(
                "detectors", (), pattern=r"[a-z0-9][a-z0-9-]{0,63}", hint="expected names of detectors, as presidio"
            ),
        )


def _contract(s: Section, path: Path) -> str:
    """The text of the utility contract; what it may count is decided where it is counted."""
    try:
        return files.read(path).decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("order.not-toml", "the utility contract is UTF-8 text", where=s.where("utility")) from None


def _reading(s: Section) -> tuple[Literal["redacted", "raw"], int | None, float]:
    """What readers see, how many conversations of each stratum, and which share of these twice."""
    text = s.choice("reading", ("redacted", "raw"), "redacted")
    if text == "raw" and not s.given("paragraph"):
        hint = "that readers see people's own text needs the paragraph of the order that allows it"
        raise Malformed("order.missing-paragraph", hint, where=s.where("paragraph"))
    count = s.whole("readings", 1, 2**40, "enough", words=("enough",))
    return text, None if count == "enough" else count, s.number("twice", 0, 1, 0.1)


def _production(document: Document) -> ProductionTerms:
    with document.section("production") as s:
        scope = s.choice("scope", ("responsive", "sample"), DECIDED)
        lanes = s.texts("lanes", ("document", "bulk"), of=("document", "bulk", "bulk-export"))
        if not lanes:
            raise s.contradiction("lanes", "a production without a lane produces nothing")
        if "bulk-export" in lanes and not s.given("paragraph"):
            raise Malformed(
                "order.missing-paragraph",
                "bulk export needs the paragraph of the order that allows it",
                where=s.where("paragraph"),
            )
        return ProductionTerms(
            scope=scope,
            designation=s.text("designation", DECIDED, without=_DELIMITERS),
            prefix=s.text("prefix", "INC", pattern=r"[A-Z][A-Z0-9_-]{0,15}", hint="expected capital letters and digits"),
            volume=s.text("volume", "VOL001", pattern=r"[A-Z0-9][A-Z0-9._-]{0,31}", hint="expected capital letters and digits"),
            lanes=lanes,
        )


def _privacy(document: Document) -> PrivacyTerms:
    with document.section("privacy") as s:
        return PrivacyTerms(
            rho=s.number("rho", 0, 100, 0.0),
            delta=s.number("delta", 0, 0.01, 1e-9),
            unit=s.choice("unit", ("subject", "conversation"), "subject"),
        )


def _notice(document: Document) -> NoticeTerms:
    with document.section("notice") as s:
        days = s.whole("days", 0, 3650, 0)
        exemption = s.text("exemption_paragraph", None)
        if s.given("days") and days == 0 and exemption is None:
            raise Malformed(
                "order.missing-paragraph", "no notice needs the paragraph that exempts from it", where=s.where("days")
            )
        if days and exemption:
            raise s.contradiction("exemption_paragraph", "the order cannot both ask for notice and exempt from it")
        return NoticeTerms(days=days, template=s.text("template", None), exemption_paragraph=exemption)


def _recipients(document: Document) -> tuple[Recipient, ...]:
    with document.section("recipients") as s:
        found = []
        for place, row in s.tables("keys", ("name", "age"), optional=("role",)):
            _age(s, f"{place}.age", row["age"])
            role = row.get("role", "requester")
            if role not in ("requester", "neutral", "room", "reader"):
                raise s.bad(f"{place}.role", "recipients are requester, neutral, room or reader")
            found.append(Recipient(name=row["name"], age=row["age"], role=role))  # type: ignore[arg-type]
        if len({r.age for r in found}) != len(found):
            raise s.contradiction("keys", "a recipient stands twice")
        return tuple(found)


def _signers(document: Document) -> tuple[Signer, ...]:
    with document.section("trust") as s:
        found = []
        for place, row in s.tables("signers", ("name", "role", "key"), required=True):
            if row["role"] not in ROLES:
                raise s.bad(f"{place}.role", f"roles are {', '.join(ROLES)}")
            _key(s, f"{place}.key", row["key"])
            found.append(Signer(**row))
        if len({signer.key for signer in found}) != len(found):
            raise s.contradiction("signers", "one key cannot stand for two signers: two approvals must come from two keys")
        if len({signer.role for signer in found if signer.role in APPROVING_ROLES}) < 2:
            hint = f"two approvals need two roles of {', '.join(APPROVING_ROLES)}"
            raise s.contradiction("signers", hint)
        return tuple(found)


def _key(s: Section, key: str, text: str) -> None:
    try:
        parse_public(text)
    except Malformed:
        raise Malformed("order.bad-key", "expected a public key, ed25519: and base64", where=s.where(key)) from None


def _age(s: Section, key: str, text: str) -> None:
    from pyrage import RecipientError, x25519

    try:
        x25519.Recipient.from_str(text)
    except RecipientError:
        raise Malformed("order.bad-key", "expected an age recipient, age1...", where=s.where(key)) from None
