"""The rules: each a pattern in the RE2 subset, read by three engines alike.

`core` is what Hyperscan or RE2 nominate by; the confirming matcher adds the borders (no letter or digit beside the match
unless the rule says otherwise). `group` picks the part that identifies where the rest is context. `check` labels and ranks:
a failed checksum lowers the score or changes the label, it never clears a finding; a *costly* check is asked only of matches
that no other rule has named; its cheap part, which says whether the match counts at all, of every other too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from incamera.core.records import FindingKind
from incamera.deid.patterns import validators as v

Check = Callable[[str], tuple[str, float] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`id` names the detector. *open_left*/*open_right*: the match may touch a letter or digit on that side.

    `hint` is a cheaper necessary condition to nominate by. *reach*: no match is longer than so many code points.
    *lead*: what nominates (the hint, or else the core) ends at most so many code points behind the match's start; 0 stands
    for *reach*. *solid*: no match holds a blank or a line end. *digits*: no match that counts holds fewer (the pattern or the
    check says so). *run*: the characters, as within brackets, of which a match is made but for its last *tail*; it holds a digit,
    is no shorter than *least* and has one of *holds* that is no stop behind it, if any are named. Hyperscan is not asked about rules with a run: a
    kernel finds them.
    These only narrow where the confirming matcher looks; tests hold them to the patterns.
    """

    id: str
    label: str
    core: str
    kind: FindingKind = "direct"
    score: float = 0.9
    group: int = 0
    hint: str = ""
    check: Check | None = None
    open_left: bool = False
    open_right: bool = False
    costly: Callable[[str], bool] | None = None
    reach: int = 130
    lead: int = 0
    solid: bool = False
    digits: int = 0
    run: str = ""
    tail: int = 0
    least: int = 0
    holds: str = ""


_MONTH = (
    r"(?:jan(?:uary|vier|uar|eiro|uari)?|feb(?:ruary|ruar|braio|ruari)?|febrero|f[eé]vrier|fevereiro|mar(?:ch|zo|s|[cç]o)?|m[aä]rz|maart"
    r"|apr(?:il|ile)?|abril|avril|may|mayo|mai|maggio|maio|mei|june?|juni|juin|junio|giugno|junho|july?|juli|juillet|julio|luglio|julho"
    r"|aug(?:ust|ustus)?|agosto|ao[uû]t|sep(?:t|tember|tembre|tiembre)?|setiembre|settembre|setembro|oct(?:ober|obre|ubre)?|okt(?:ober)?|ottobre|outubro"
    r"|nov(?:ember|embre|iembre|embro)?|dec(?:ember|embre)?|d[eé]cembre|diciembre|dezember|dicembre|dezembro)"
)
_DAY = (
    r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?|lunes|martes|mi[eé]rcoles|jueves|viernes|s[aá]bado|domingo"
    r"|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag"
)
_N = (
    r"(?:\d{1,9}(?:[.,]\d{1,9}){0,2}|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[ -](?:one|two|three|four|five|six|seven|eight|nine))?"
    r"|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
    r"|(?:a|one|two|three|several|few) hundred|an?|half an?|several|a few|a couple of|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|un|una"
    r"|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|ein|eine|einem|einen|zwei|drei|vier|f[uü]nf|sechs|sieben|acht|neun|zehn)"
)
_UNIT = (
    r"(?:seconds?|minutes?|mins?|hours?|hrs?|days?|nights?|weeks?|wks?|fortnights?|months?|years?|yrs?|decades?|centur(?:y|ies)"
    r"|a[nñ]os?|mes(?:es)?|d[ií]as?|semanas?|horas?|minutos?|ann[eé]es?|ans?|mois|semaines?|jours?|heures?|jahre?n?|monate?n?|wochen?|tage?n?|stunden?)"
)
_SPAN = rf"{_N}(?:[ -](?:to|or|and|and a half|y)[ -]{_N})?[ -](?:(?:calendar|working|consecutive|more|full|further|additional)\s)?{_UNIT}"
_STREET = (
    r"(?:street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|square|sq|terrace|ter|way|parkway|pkwy"
    r"|highway|hwy|circle|cir|crescent|cres|close|alley|row|walk|mews|grove|gardens?|hill|park|plaza|trail|loop|quay|wharf)"
)
_VIA = (
    r"(?:calle|c/|avenida|avda|avd|av|paseo|p[oº]|plaza|pza|camino|carretera|ctra|ronda|rambla|travesía|travesia|glorieta|urbanizaci[oó]n"
    r"|rue|avenue|boulevard|bd|chemin|impasse|all[eé]e|quai|route|place|via|viale|piazza|corso|largo|vicolo|rua|travessa|pra[cç]a|estrada|alameda)"
)
_UNITNO = r"(?:apt|apartment|suite|ste|unit|flat|floor|fl|room|rm|box|bldg|building)"
_CUR = r"(?:usd|eur|gbp|chf|jpy|cny|inr|sek|nok|dkk|pln|czk|huf|ron|try|rub|uah|cad|aud|nzd|brl|mxn|dollars?|euros?|pounds?|zlotys?|roubles?|rubles?|kronor|kroner|yen|rupees?|lira|pesos?|francs?|cents?|bucks)"
_SIZE = r"(?:kg|kilos?|kilograms?|g|grams?|lbs?|pounds?|stone|cm|mm|km|kilometres?|kilometers?|met(?:re|er)s?|m|miles?|feet|foot|ft|inch(?:es)?|hectares?|acres?|sq|square met(?:re|er)s?|percent|per cent|%)"
_TLD = (
    r"(?:com|org|net|edu|gov|mil|int|info|biz|io|co|ai|app|dev|me|tv|eu|uk|us|ca|au|nz|ie|de|at|ch|fr|be|nl|lu|es|pt|it|gr|se|no|dk|fi|is|pl|cz|sk"
    r"|hu|ro|bg|hr|si|rs|ua|ru|by|tr|il|in|pk|cn|jp|kr|tw|hk|sg|my|th|vn|id|ph|br|mx|ar|cl|pe|za|ng|ke|eg|ma|xyz|online|site|shop|blog|paris|london)"
)
_KEEPS = (
    r"(?:passw(?:or)?d|passwd|pwd|passphrase|passcode|contraseña|contrasena|clave|mot de passe|passwort|kennwort|senha|pin|secret|client[_-]?secret"
    r"|api[ _-]?key|apikey|access[ _-]?key|secret[ _-]?key|private[ _-]?key|auth[ _-]?token|access[ _-]?token|token|bearer|credentials?)"
)
_L = r"[\p{L}\p{M}]"
_W = r"[\p{L}\p{M}\p{N}]"
_CAP = r"\p{Lu}[\p{L}\p{M}.'’-]{0,30}"

RULES: tuple[Rule, ...] = (
    # --- reaching a person -------------------------------------------------------------------------------------------
    Rule(id="email", solid=True, hint=r"@", lead=65, reach=420, label="EMAIL", score=0.99, core=rf"[\p{{L}}\p{{N}}._%+'-]{{1,64}}@(?:[\p{{L}}\p{{N}}-]{{1,63}}\.){{1,5}}{_L}{{2,24}}"),
    Rule(id="email.spoken", hint=r"(?i)(?:dot|punto|point)\s?[\])}>]?\s?(?:com|org|net|edu|gov|de|fr|es|uk|io)", label="EMAIL", score=0.8,
         core=r"(?i)[a-z0-9._-]{2,40}\s?[\[({<]?\s?(?:at|arroba)\s?[\])}>]?\s?[a-z0-9-]{2,40}\s?[\[({<]?\s?(?:dot|punto|point)\s?[\])}>]?\s?(?:com|org|net|edu|gov|de|fr|es|uk|io)"),
    Rule(id="email.bare", solid=True, hint=r"@", lead=65, label="EMAIL", score=0.7, core=r"[A-Za-z0-9._%+-]{2,64}@[A-Za-z0-9.-]{2,64}"),
    Rule(id="url", solid=True, lead=8, reach=420, hint=r"(?i)(?:https?|ftp|file|ssh|git|s3|mailto|tel):/", label="URL", score=0.95, core=r"(?i)(?:https?|ftp|file|ssh|git|s3|mailto|tel)://?[^\s<>\"'`]{2,400}", open_right=True),
    Rule(id="url.www", solid=True, lead=4, reach=320, hint=r"(?i)www\.", label="URL", score=0.95, core=r"(?i)www\.[^\s<>\"'`]{2,300}", open_right=True),
    Rule(id="url.domain", solid=True, hint=rf"(?i)\.{_TLD}[^A-Za-z0-9]", lead=400, reach=620, label="URL", score=0.8, core=rf"(?i)(?:[\p{{L}}\p{{N}}][\p{{L}}\p{{N}}-]{{0,62}}\.){{1,6}}{_TLD}(?:/[^\s<>\"'`]{{0,200}})?"),
    Rule(id="handle", hint=r"[^A-Za-z0-9]@", lead=1, reach=42, label="HANDLE", score=0.9, core=r"@[\p{L}\p{N}_][\p{L}\p{N}_.]{1,40}"),
    Rule(id="handle.reddit", label="HANDLE", score=0.9, core=r"(?i)/?u/[a-z0-9_-]{3,30}"),
    Rule(id="handle.named", hint=r"(?i)[^A-Za-z0-9](?:instagram|insta|ig|twitter|snapchat|snap|telegram|discord|skype|tiktok|steam|gamertag|username|user ?name|usuario|login|handle)\s?(?:id|name)?\s?(?:[:=]|is|es)", label="HANDLE", score=0.8, group=1,
         core=r"(?i)(?:instagram|insta|ig|twitter|snapchat|snap|telegram|discord|skype|tiktok|steam|gamertag|username|user ?name|usuario|login|handle)\s?(?:id|name)?\s?(?:[:=]|is|es)\s?([\p{L}\p{N}_.#-]{3,40})"),
    Rule(id="phone", run=r"0-9 ().\-/+", tail=17, reach=80, digits=6, label="PHONE", score=0.85, check=v.phone,
         core=r"(?:\+|00|\()?\d{1,4}\)?(?:[ .\-/]{0,2}\(?\d{1,5}\)?){1,6}(?:\s?(?:x|ext\.?|extension)\s?\d{1,6})?"),
    Rule(id="phone.named", label="PHONE", score=0.95, group=1,
         core=r"(?i)(?:phone|tel|telephone|mobile|cell|fax|whatsapp|tel[eé]fono|m[oó]vil|t[eé]l[eé]phone|telefon|handy|telefono|cellulare|telefone|celular)(?:\s?(?:no|number|nr|n[uú]mero|#))?\.?\s?[:=]?\s?(?:is|es)?\s?([+(]?\d[\d ().\-/]{5,22}\d)"),
    # --- where -------------------------------------------------------------------------------------------------------
    Rule(id="address.street", reach=160, hint=rf"(?i)\d[a-z]?,?\s(?:\S{{1,24}}\s){{1,4}}{_STREET}[^A-Za-z0-9]", label="ADDRESS", score=0.9,
         core=rf"(?i)\d{{1,6}}[a-z]?(?:\s?[-/]\s?\d{{1,5}}[a-z]?)?,?\s(?:(?:{_W}|[.'’-]){{1,24}}\s){{1,4}}{_STREET}\.?(?:\s(?:n|s|e|w|north|south|east|west|nw|ne|sw|se))?(?:,?\s{_UNITNO}\.?\s?#?\s?[a-z0-9-]{{1,6}})?"),
    Rule(id="address.via", reach=230, lead=16, hint=rf"(?i)[^A-Za-z0-9]{_VIA}\.?\s", label="ADDRESS", score=0.9,
         core=rf"(?i){_VIA}\.?\s(?:(?:{_W}|[.'’ªº-]){{1,24}},?\s){{0,6}}(?:(?:n[º°o]?|núm|num|nr|km)\.?\s?)?(?:\d{{1,5}}(?:\s?[-/]\s?\d{{1,5}})?|s/n)(?:\s?[a-z])?(?:,?\s?(?:\d{{1,3}}|bajo|atico|ático|piso|esc|portal|puerta|pta|izq|dcha|[a-z])[ºª°.]?){{0,4}}", open_right=True),
    Rule(id="address.strasse", hint=r"(?i)(?:(?:ß|ss)e|str\.|weg|gasse|platz|allee|ufer|damm|ring|gade|gatan|vägen|veien|katu|tie|straat|laan|plein)\s\d", label="ADDRESS", score=0.9,
         core=rf"(?i){_L}{{2,30}}(?:stra(?:ß|ss)e|str\.|weg|gasse|platz|allee|ufer|damm|ring|gade|gatan|vägen|veien|katu|tie|straat|laan|plein)\s\d{{1,4}}\s?[a-z]?"),
    Rule(id="address.fr", reach=180, lead=40, hint=rf"(?i)\d(?:\s?(?:bis|ter))?,?\s{_VIA}\s", label="ADDRESS", score=0.9, core=rf"(?i)\d{{1,4}}(?:\s?(?:bis|ter))?,?\s{_VIA}\s(?:(?:{_W}|['’-]){{1,24}}\s?){{1,6}}"),
    Rule(id="address.unit", reach=20, label="ADDRESS", score=0.8, core=rf"(?i){_UNITNO}\.?\s?#?\s?\d{{1,6}}[a-z]?"),
    Rule(id="address.corner", reach=250, label="ADDRESS", score=0.9, core=rf"(?i)(?:the\s)?corner of\s(?:(?:{_W}|[.'’-]){{1,24}},?\s){{1,6}}(?:and|&)\s(?:(?:{_W}|[.'’-]){{1,24}}\s?){{1,3}}", hint=r"(?i)corner of"),
    Rule(id="address.box", label="ADDRESS", score=0.9, core=r"(?i)(?:p\.?\s?o\.?\s?box|psc|apartado(?: de correos)?|postfach|bo[iî]te postale|bp|cmr|unit)\s?\d{1,6}(?:,?\s(?:box|apo)\s?\d{1,6})?"),
    Rule(id="address.us", hint=r"[A-Z]{2}\s\d{5}", label="ADDRESS", score=0.85, core=rf"(?:{_CAP}\s?){{1,3}},?\s(?:[A-Z]{{2}})\s\d{{5}}(?:-\d{{4}})?"),
    Rule(id="address.uk", label="ADDRESS", score=0.9, core=r"[A-Z]{1,2}\d[A-Z0-9]?\s\d[A-Z]{2}"),
    Rule(id="place.dotted", label="LOC", score=0.7, core=r"(?i)u\.\s?[sk]\.?(?:\s?a\.?)?"),
    Rule(id="geo", label="GEO", score=0.95, core=r"[-+]?\d{1,3}\.\d{3,12}\s?[,;]\s?[-+]?\d{1,3}\.\d{3,12}"),
    Rule(id="geo.dms", label="GEO", score=0.95, core=r"\d{1,3}\s?°\s?\d{1,2}\s?['′’]\s?(?:\d{1,2}(?:\.\d{1,4})?\s?[\"″”]?)?\s?[NSEWnsew]?", open_right=True),
    # --- when --------------------------------------------------------------------------------------------------------
    Rule(id="date.iso", reach=40, label="DATE", kind="quasi", core=r"(?:19|20)\d{2}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ]\d{1,2}:\d{2}(?::\d{2})?(?:\.\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})?)?"),
    Rule(id="date.numeric", reach=14, label="DATE", kind="quasi", core=r"\d{1,2}\s?[-/.]\s?\d{1,2}\s?[-/.]\s?(?:\d{4}|\d{2})"),
    Rule(id="date.words", label="DATE", kind="quasi",
         core=rf"(?i)(?:(?:{_DAY}),?\s(?:the\s)?)?(?:\d{{1,2}}(?:st|nd|rd|th|er|[ºª.])?\s?(?:(?:and|to|y|a|-|–)\s?\d{{1,2}}(?:st|nd|rd|th)?\s)?(?:of\s|de\s|d['’])?)?{_MONTH}\.?(?:\s\d{{1,2}}(?:st|nd|rd|th)?(?:\s?[-–]\s?\d{{1,2}}(?:st|nd|rd|th)?)?)?(?:,?\s?(?:of\s|de\s|del\s|d['’])?(?:\d{{4}}|['’]\d{{2}}))?", check=v.date_words),
    Rule(id="date.day", reach=17, label="DATE", kind="quasi", score=0.7, core=rf"(?i)(?:(?:next|last|this|every|on)\s)?(?:{_DAY})s?", check=v.weekday),
    Rule(id="date.year", reach=12, label="DATE", kind="quasi", score=0.8, core=r"(?:1[6-9]|20)\d{2}(?:\s?[-–/]\s?(?:(?:1[6-9]|20)\d{2}|\d{2}))?s?"),
    Rule(id="date.decade", label="DATE", kind="quasi", score=0.8, core=r"(?i)(?:(?:early|mid|late|the)[ -]){1,3}(?:\d0|[12]\d{2}0|(?:eigh|nine|seven|six|fif|for|thir|twen)ties)['’]?s?"),
    Rule(id="date.duration", lead=94, reach=250, label="DATE", kind="quasi", score=0.7,
         core=rf"(?i){_SPAN}(?:[’']s?)?(?:,?\s(?:and\s|y\s)?{_N}\s{_UNIT}){{0,3}}(?:\s(?:ago|later|earlier|before|after|old|of age|de edad))?"),
    Rule(id="date.ordinal", label="DATE", kind="quasi", score=0.6, core=r"(?i)(?:the\s)?\d{1,2}(?:st|nd|rd|th)(?:\s(?:of\s)?(?:century|grade|birthday))?"),
    Rule(id="date.relative", label="DATE", kind="quasi", score=0.6,
         core=r"(?i)(?:the\s)?(?:following|previous|preceding|next|last|same)\s(?:day|morning|afternoon|evening|night|week|weekend|month|year|summer|autumn|winter|spring)"),
    Rule(id="date.season", label="DATE", kind="quasi", score=0.6, core=r"(?i)(?:(?:the\s)?(?:summer|autumn|winter|spring|fall)(?:\sof)?,?\s(?:1[6-9]|20)\d{2}|overnight)"),
    Rule(id="time", reach=14, label="TIME", kind="quasi", score=0.8, core=r"(?i)\d{1,2}[:.h]\d{2}(?::\d{2})?\s?(?:[ap]\.?m\.?|hrs?|hours|uhr|h)?"),
    Rule(id="time.ampm", label="TIME", kind="quasi", score=0.8, core=r"(?i)\d{1,2}\s?[ap]\.?m\.?", open_right=True),
    # --- how old, how much --------------------------------------------------------------------------------------------
    Rule(id="age", reach=45, label="AGE", kind="quasi", score=0.9,
         core=rf"(?i)(?:{_N}[ -]?(?:years?|yrs?|year|y|months?|weeks?|days?)[ -]?(?:old|o|of age)|(?:aged?|edad|âge|alter|età|idade)\s?(?:[:=]|of|de|is|es)?\s?\d{{1,3}}|{_N}\s?(?:años?|ans|jahre|anni|anos)(?:\s(?:de edad|alt))?)"),
    Rule(id="age.sex", label="AGE", kind="quasi", score=0.8, core=r"\d{1,2}\s?[/(]?\s?[MFmf]\)?"),
    Rule(id="age.am", label="AGE", kind="quasi", score=0.7, group=1, core=r"(?i)(?:i am|i['’]?m|she is|he is|she['’]s|he['’]s|turned|turning|tengo|tiene)\s(\d{1,2})"),
    Rule(id="money", reach=105, label="QUANTITY", kind="quasi", score=0.7,
         core=rf"(?i)(?:(?:approximately|about|around|over|some)\s)?(?:[$€£¥₹₽₺]\s?\d[\d.,]{{0,30}}(?:\s?(?:k|m|bn|thousand|million|billion))?|{_CUR}\s?\d[\d.,  ]{{0,30}}(?:\s?(?:thousand|million|billion))?|{_N}(?:\s\d{{3}}){{0,3}}(?:\s(?:hundred|thousand|million|billion)){{0,2}}\s?(?:[$€£¥₹]|[a-z]{{4,12}}\s{_CUR}|{_CUR})(?:\s\([a-z]{{3}}\))?)"),
    Rule(id="size", reach=45, label="QUANTITY", kind="quasi", score=0.5, core=rf"(?i)\d{{1,15}}(?:[.,]\d{{1,15}})?\s?{_SIZE}", check=v.size),
    # --- what a state or a bank gave out ----------------------------------------------------------------------------------
    Rule(id="card", run=r"0-9 \-", digits=12, reach=40, label="CARD", score=0.95, core=r"\d{4}(?:[ -]?\d){8,15}", check=v.card),
    Rule(id="iban", digits=8, reach=50, label="IBAN", score=0.95, core=r"(?i)[a-z]{2}\d{2}(?:[ -]?[a-z0-9]{2,4}){3,9}", check=v.iban),
    Rule(id="bic", label="BIC", score=0.9, group=1, core=r"(?i)(?:bic|swift)(?:\s?code)?\s?[:=]?\s?([a-z]{6}[a-z0-9]{2}(?:[a-z0-9]{3})?)"),
    Rule(id="ssn", label="NATIONAL-ID", score=0.95, core=r"\d{3}[- ]\d{2}[- ]\d{4}"),
    Rule(id="national-id", costly=v.numbered, reach=50, label="NATIONAL-ID", score=0.6, core=r"(?:[A-Za-z]{1,4}-?)?\d(?:[ .\-/]?\d|[ .\-/]?[A-Z]|[a-z]){6,19}", check=v.national_id),
    Rule(id="id.named", reach=92, label="CODE", score=0.95, group=1,
         core=r"(?i)(?:ssn|social security|passport|pasaporte|passeport|reisepass|driver['’]?s? licen[sc]e|licen[sc]e plate|plate|matr[ií]cula|kennzeichen|dni|nie|nif|nhc|cif|cpf|cnpj|nin|nino|vat|tax id|tin|ein|itin|mrn|medical record|patient id|case|docket|application|file|account|acct|cuenta|customer|client|member|policy|order|invoice|booking|reference|ref|ticket|serial|imei|vin|employee|student|insurance|nass|historia clínica|colegiado|n[ºo°]\s?col(?:egiado)?|id)\.?\s?(?:card)?\s?(?:no|nos|number|nr|num|n[uú]mero|n[ºo°]|id|#|code)?\.?\s?[:=#]?\s?(?:is|es)?\s?((?:[a-z]{0,4}[- /]?)?\d(?:[ \-/.]?[a-z0-9]){2,24})"),
    Rule(id="case.number", label="CASE", score=0.9, core=r"(?i)(?:nos?\.?\s?)?\d{1,6}/\d{2,4}(?:/[a-z]{2,4})?"),
    Rule(id="code.slashed", run=r"A-Za-z0-9/.\-_", holds=r"/.\-_", digits=1, least=3, solid=True, hint=r"\d[A-Za-z0-9]*[/.\-_][A-Za-z0-9]", lead=20, reach=95, label="CODE", score=0.7, core=r"[A-Za-z]{0,4}\d[A-Za-z0-9]{0,12}(?:[/.\-_][A-Za-z0-9]{1,12}){1,6}"),
    Rule(id="case.docket", label="CASE", score=0.9, core=r"(?i)\d{1,2}[:-](?:\d{2}[-:])?(?:cv|cr|md|mc|civ|crim|mj)[-:]\d{3,6}(?:[-:]?\([a-z]{2,3}\)){0,3}"),
    Rule(id="plate", reach=12, label="PLATE", score=0.6, core=r"[A-Z]{1,3}[- ]?\d{2,4}[- ]?[A-Z]{1,3}|\d{4}[- ]?[B-DF-HJ-NP-TV-Z]{3}"),
    # --- machines and money without a bank -----------------------------------------------------------------------------------
    Rule(id="ipv4", label="IP", score=0.95, core=r"\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?:/\d{1,2})?"),
    Rule(id="ipv6", label="IP", score=0.95, core=r"(?i)(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4}){0,6}|[0-9a-f]{0,4}::(?:[0-9a-f]{1,4}:){0,6}[0-9a-f]{1,4}", check=v.ipv6),
    Rule(id="mac", label="MAC", score=0.95, core=r"(?i)[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}"),
    Rule(id="wallet.btc", label="WALLET", score=0.9, core=r"(?:bc1[a-z0-9]{20,80}|[13][1-9A-HJ-NP-Za-km-z]{25,34})"),
    Rule(id="wallet.eth", label="WALLET", score=0.95, core=r"0x[0-9a-fA-F]{40}"),
    Rule(id="uuid", label="CODE", score=0.9, core=r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    Rule(id="hex", run="0-9A-Fa-fXx", holds="A-Fa-f", digits=1, least=12, solid=True, hint=r"(?i)[^A-Za-z0-9](?:0x)?[0-9a-f]{12}", lead=14, reach=410, label="CODE", score=0.7, core=r"(?i)(?:0x)?[0-9a-f]{12,400}", check=v.hexadecimal),
    Rule(id="path.home", solid=True, label="HANDLE", score=0.9, group=1, core=r"(?i)(?:/home/|/Users/|[a-z]:\\{1,2}Users\\{1,2})([^\s/\\\"'<>|:]{1,64})", open_right=True),
    # --- secrets ----------------------------------------------------------------------------------------------------------------
    Rule(id="secret.pem", hint=r"-----BEGIN ", lead=11, reach=1120, label="SECRET", score=0.99, open_right=True, open_left=True,
         core=r"-----BEGIN [A-Z ]{0,40}(?:PRIVATE KEY|CERTIFICATE|PGP MESSAGE)[A-Z ]{0,20}-----(?:[A-Za-z0-9+/=\s\\:,.-]{0,900}-----END [A-Z ]{1,60}-----|[A-Za-z0-9+/=\s\\]{0,900})"),
    Rule(id="secret.aws", label="SECRET", score=0.99, core=r"(?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{12,20}"),
    Rule(id="secret.vendor", solid=True, lead=40, reach=260, hint=r"(?:gh[opusr]_|github_pat_|glpat-|sk-|[rsp]k_(?:live|test)_|xox[abeoprs]-|AIza|ya29\.|SG\.|hf_|npm_|pypi-|dop_v1_|shp(?:at|ss|ca)_|key-|EAAC|AC[a-f0-9]{32})", label="SECRET", score=0.99,
         core=r"(?:gh[opusr]_[A-Za-z0-9]{20,90}|github_pat_[A-Za-z0-9_]{20,90}|glpat-[A-Za-z0-9_-]{18,40}|sk-(?:proj-|ant-|live-|test-)?[A-Za-z0-9_-]{16,200}|[rsp]k_(?:live|test)_[A-Za-z0-9]{10,99}|xox[abeoprs]-[A-Za-z0-9-]{10,200}|AIza[A-Za-z0-9_-]{30,45}|ya29\.[A-Za-z0-9_-]{20,200}|SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}|hf_[A-Za-z0-9]{20,60}|npm_[A-Za-z0-9]{30,50}|pypi-[A-Za-z0-9_-]{40,250}|dop_v1_[a-f0-9]{60,70}|shp(?:at|ss|ca)_[a-fA-F0-9]{30,40}|key-[a-f0-9]{30,40}|EAAC[A-Za-z0-9]{20,200}|AC[a-f0-9]{32})"),
    Rule(id="secret.jwt", solid=True, hint=r"[^A-Za-z0-9]eyJ[A-Za-z0-9_-]{8}", lead=11, reach=2420, label="SECRET", score=0.99, core=r"eyJ[A-Za-z0-9_-]{8,800}\.[A-Za-z0-9_-]{8,800}(?:\.[A-Za-z0-9_-]{0,800})?", open_right=True),
    Rule(id="secret.assigned", lead=40, reach=260, hint=rf"(?i){_KEEPS}[\"']?\s?(?:[:=]|is|es|ist|est)", label="SECRET", score=0.9, group=1, open_left=True, open_right=True,
         core=rf"(?i){_KEEPS}[\"']?\s?(?:[:=]|:=|=>|is|es|ist|est)\s?[\"'`]?([^\s\"'`,;<>]{{4,200}})", check=v.secret),
    Rule(id="secret.basic", solid=True, reach=190, label="SECRET", score=0.95, group=1, core=r"[a-z][a-z0-9+]{1,15}://([^\s/@:]{1,64}:[^\s/@]{1,100})@", open_right=True),
    Rule(id="secret.blob", run=r"A-Za-z0-9+/_\-=", digits=1, least=24, solid=True, hint=r"[A-Za-z0-9+/_-]{24}", lead=24, reach=1010, label="SECRET", score=0.7, core=r"[A-Za-z0-9+/_-]{24,1000}={0,2}", check=v.blob, open_right=True),
)  # fmt: skip


def split(pattern: str) -> tuple[str, bool]:
    """(pattern, caseless) of one that may begin with `(?i)`."""
    return (pattern[4:], True) if pattern.startswith("(?i)") else (pattern, False)


def version() -> str:
    """SHA-256 over every rule: a changed rule changes the recipe's digest."""
    lines = [f"{r.id}\t{r.label}\t{r.kind}\t{r.score}\t{r.group}\t{r.core}\t{r.open_left}{r.open_right}" for r in RULES]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
