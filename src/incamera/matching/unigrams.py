"""How surprising a word is: -log2 of its frequency in the language, from wordfreq's lists, each loaded when first asked for."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable

from incamera.text.offsets import pack
from incamera.text.tokens import tokenise

#: What a word that the list does not know counts: half the list's lowest frequency, one in 10^8.
UNKNOWN_BITS = -math.log2(0.5e-8)
DEFAULT = "en"

# Little words by which a text shows its language, folded: accents gone, Cyrillic and Greek look-alikes Latin (`text.fold`).
_LITTLE = {
    "en": "the of and to that was for with his you not had this have which were they from",
    "de": "der die und das ist nicht ich sie mit den dem ein eine auf von zu auch sich wird fur uber",
    "fr": "le les des est pas une que qui dans vous pour sur elle avec cette mais nous ete etait aux",
    "es": "el los las que una por con para del esta como mas pero sus muy porque cuando tambien",
    "it": "il che di non una per sono della gli piu con del anche questo nel alla era ho perche",
    "pt": "que nao uma para com os do da em mais como dos das mas ao ele foi sao voce tambem pelo",
    "nl": "het een van de dat niet zijn voor met ook aan maar naar hij deze wordt bij nog wel geen",
    "sv": "och att det som ar jag inte den pa han med till har av om hon var mig ett skulle sa",
    "da": "og at det jeg ikke er den af til som pa en har for han med der var sig fra vi skal",
    "nb": "og det jeg ikke er som pa en til han av at har var med den fra vi skal hun ble kan",
    "fi": "ja on ei etta se han oli mutta kun niin myos ovat minun mita joka tama olen sen ollut",
    "pl": "nie jest sie na ze do jak ale co to przez byl jego czy dla tym tak juz ktory moze",
    "cs": "je se na ze to si jako jsem ale byl aby tak jeho by jsou byla pro nebo kdyz jen",
    "hu": "es hogy nem az egy volt meg csak mint ez van de ki is azt mar amely kell majd ha",
    "ro": "si in nu este pe cu sa din care mai la fost pentru ca lui era sunt dar ale acest",
    "tr": "bir ve bu icin ne da de daha cok gibi olarak var ama ile sonra kadar degil her ben",
    "id": "yang dan di itu dengan untuk tidak ini dari dalam akan pada juga saya ke karena ada",
    "ru": "и в не на что он с как это но по его к из у все за она так о мы же ты бы меня",
    "uk": "і в не на що він з як це але до його та за у все вона так про ми же ти би мене",
    "el": "και το να του η της με που την από για στο είναι τα οι τον δεν θα μου σε στην",
    "ar": "في من على أن إلى التي هذا الذي كان عن ما هذه مع كل ذلك قد بين بعد هو لم",
    "he": "של את על לא זה הוא אני עם כי גם היא כל אם אל או היה יש מה אבל רק",
    "hi": "के में की है से का को और पर एक यह नहीं भी कि था हैं ने कर इस लिए",
}


@functools.cache
def _little() -> dict[str, tuple[str, ...]]:
    """The languages of each little word."""
    out: dict[str, tuple[str, ...]] = {}
    for language, words in _LITTLE.items():
        for word in _folded(words.split()):
            out[word] = (*out.get(word, ()), language)
    return out


def _folded(words: Iterable[str]) -> list[str]:
    """Each word folded; empty where the fold makes none of it, or several."""
    spelled = list(words)
    odd = [n for n, word in enumerate(spelled) if not (word.isascii() and word.isalnum())]
    found = tokenise(pack([spelled[n] for n in odd]))
    for n, a, b in zip(odd, found.bounds.tolist(), found.bounds[1:].tolist(), strict=False):
        spelled[n] = found.word(a) if b - a == 1 else ""
    return spelled


def language(words: Iterable[str]) -> str:
    """The language whose little words are the most among these folded words, each counted less that stands in several.

    `DEFAULT` where fewer than one word in twenty is known.
    """
    little, known, total = _little(), dict.fromkeys(_LITTLE, 0.0), 0
    for word in words:
        total += 1
        of = little.get(word, ())
        for name in of:
            known[name] += 1 / len(of)
    best = max(known, key=lambda name: known[name])
    return best if known[best] * 20 > total else DEFAULT


@functools.cache
def _frequencies(language_: str) -> dict[str, float]:
    """Frequency of each folded word: of all that fold alike, together. Large lists take seconds and 60 MB: one is enough."""
    from wordfreq import get_frequency_dict

    listed = get_frequency_dict(language_, wordlist="best" if language_ == DEFAULT else "small")
    out: dict[str, float] = {}
    for word, frequency in zip(_folded(listed), listed.values(), strict=True):
        out[word] = out.get(word, 0.0) + frequency
    return out


@functools.lru_cache(maxsize=1 << 16)
def bits(word: str, language: str = DEFAULT) -> float:
    """-log2 of the frequency of a folded word. Numbers count as their count of digits says: 10 equally likely digits.

    Source: Speer, "wordfreq" (the lists are a dependency and are not shipped here).
    """
    if word.isdecimal():
        return len(word) * math.log2(10) + 4
    frequency = _frequencies(language).get(word, 0.0)
    return -math.log2(frequency) if frequency else UNKNOWN_BITS
