# ruff: noqa: C408, S106  (tables of sentences; the passwords are words for passwords)
"""Whole conversations around canaries: prose, code, tables and translations in six languages.

Their frames were written for this purpose alone and are used nowhere else.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Final

from incamera.testing.synth.canary_values import VALUES

CONTEXTS: Final = ("prose", "code", "table", "translation")
LANGUAGES: Final = ("en", "es", "fr", "de", "it", "pt")

_LABELS: Final[dict[str, dict[str, str]]] = {
    "en": dict(
        PERSON="name",
        EMAIL="email",
        PHONE="phone",
        ADDRESS="address",
        IBAN="IBAN",
        CARD="card number",
        NATIONAL_ID="social security number",
        DATE_OF_BIRTH="date of birth",
        HANDLE="account",
        IP="IP address",
        API_KEY="API key",
        PASSWORD="password",
        PLATE="licence plate",
        RECORD_NUMBER="patient number",
        WALLET="wallet",
    ),
    "es": dict(
        PERSON="nombre",
        EMAIL="correo",
        PHONE="teléfono",
        ADDRESS="dirección",
        IBAN="IBAN",
        CARD="número de tarjeta",
        NATIONAL_ID="DNI",
        DATE_OF_BIRTH="fecha de nacimiento",
        HANDLE="cuenta",
        IP="dirección IP",
        API_KEY="clave de API",
        PASSWORD="contraseña",
        PLATE="matrícula",
        RECORD_NUMBER="historia clínica",
        WALLET="monedero",
    ),
    "fr": dict(
        PERSON="nom",
        EMAIL="courriel",
        PHONE="téléphone",
        ADDRESS="adresse",
        IBAN="IBAN",
        CARD="numéro de carte",
        NATIONAL_ID="numéro de sécurité sociale",
        DATE_OF_BIRTH="date de naissance",
        HANDLE="compte",
        IP="adresse IP",
        API_KEY="clé d'API",
        PASSWORD="mot de passe",
        PLATE="plaque",
        RECORD_NUMBER="dossier médical",
        WALLET="portefeuille",
    ),
    "de": dict(
        PERSON="Name",
        EMAIL="E-Mail",
        PHONE="Telefon",
        ADDRESS="Anschrift",
        IBAN="IBAN",
        CARD="Kartennummer",
        NATIONAL_ID="Ausweisnummer",
        DATE_OF_BIRTH="Geburtsdatum",
        HANDLE="Konto",
        IP="IP-Adresse",
        API_KEY="API-Schlüssel",
        PASSWORD="Passwort",
        PLATE="Kennzeichen",
        RECORD_NUMBER="Patientennummer",
        WALLET="Wallet",
    ),
    "it": dict(
        PERSON="nome",
        EMAIL="posta",
        PHONE="telefono",
        ADDRESS="indirizzo",
        IBAN="IBAN",
        CARD="numero di carta",
        NATIONAL_ID="codice fiscale",
        DATE_OF_BIRTH="data di nascita",
        HANDLE="profilo",
        IP="indirizzo IP",
        API_KEY="chiave API",
        PASSWORD="password",
        PLATE="targa",
        RECORD_NUMBER="cartella clinica",
        WALLET="portafoglio",
    ),
    "pt": dict(
        PERSON="nome",
        EMAIL="correio",
        PHONE="telefone",
        ADDRESS="morada",
        IBAN="IBAN",
        CARD="número do cartão",
        NATIONAL_ID="CPF",
        DATE_OF_BIRTH="data de nascimento",
        HANDLE="conta",
        IP="endereço IP",
        API_KEY="chave de API",
        PASSWORD="senha",
        PLATE="matrícula",
        RECORD_NUMBER="processo clínico",
        WALLET="carteira",
    ),
}

#: Sentences that hold a value, each with its label, per language. `{l}` is the label, `{v}` the value.
_SENTENCES: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "My {l} is {v}.",
        "They wrote down the wrong {l}: {v}.",
        "Is {v} a normal {l}?",
        "({l} {v}, in case it matters)",
        "I gave them {v} as my {l} yesterday.",
    ),
    "es": ("Mi {l}: {v}.", "Apuntaron mal este dato ({l}): {v}.", "¿Vale {v} como {l}?", "Les di {v} ayer."),
    "fr": ("Mon {l} : {v}.", "Ils ont mal noté ceci ({l}) : {v}.", "Est-ce que {v} suffit ?", "Je leur ai donné {v} hier."),
    "de": ("{l}: {v}.", "Sie haben das falsch notiert ({l}): {v}.", "Reicht {v}?", "Ich habe gestern {v} angegeben."),
    "it": ("{l}: {v}.", "Hanno scritto male questo ({l}): {v}.", "Basta {v}?", "Ieri ho dato {v}."),
    "pt": ("{l}: {v}.", "Anotaram isto mal ({l}): {v}.", "Basta {v}?", "Ontem dei {v}."),
}
_PEOPLE: Final[dict[str, tuple[str, ...]]] = {
    "en": (
        "The form is for {v}.",
        "Please write it in the name of {v}.",
        "{v} from the third floor asked me again.",
        "It was {v} who lost the keys.",
    ),
    "es": ("El formulario es para {v}.", "Me lo pidió {v}, del tercero.", "{v} perdió las llaves."),
    "fr": ("Le formulaire est pour {v}.", "C'est {v}, du troisième, qui demande.", "{v} a perdu les clés."),
    "de": ("Das Formular ist für {v}.", "{v} aus dem dritten Stock fragt wieder.", "Die Schlüssel hat {v} verloren."),
    "it": ("Il modulo è per {v}.", "Me lo chiede {v} del terzo piano.", "Le chiavi le ha perse {v}."),
    "pt": ("O formulário é para {v}.", "Foi {v}, do terceiro, que pediu.", "{v} perdeu as chaves."),
}
_ASKS: Final = {
    "en": ("Write a complaint to the registry office.", "What should I tell the insurance?", "Make this sound official."),
    "es": ("Escribe una reclamación al registro.", "¿Qué le digo al seguro?"),
    "fr": ("Rédige une réclamation à la mairie.", "Que dire à l'assurance ?"),
    "de": ("Schreib eine Beschwerde an das Amt.", "Was sage ich der Versicherung?"),
    "it": ("Scrivi un reclamo all'ufficio.", "Cosa dico all'assicurazione?"),
    "pt": ("Escreva uma reclamação ao registo.", "O que digo ao seguro?"),
}
_REPLIES: Final = {
    "en": "To the registry office:\n\n{d}\n\nPlease correct the entry and confirm it in writing.",
    "es": "Al registro:\n\n{d}\n\nRuego que corrijan el dato y lo confirmen por escrito.",
    "fr": "À la mairie :\n\n{d}\n\nMerci de corriger et de confirmer par écrit.",
    "de": "An das Amt:\n\n{d}\n\nBitte berichtigen Sie den Eintrag und bestätigen Sie es schriftlich.",
    "it": "All'ufficio:\n\n{d}\n\nVi prego di correggere e di confermare per iscritto.",
    "pt": "Ao registo:\n\n{d}\n\nPeço que corrijam e confirmem por escrito.",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A canary conversation without its id: turns of (role, text), and (turn, type, value) of what it holds."""

    language: str
    context: str
    turns: list[tuple[str, str]]
    planted: list[tuple[int, str, str]]


def draft(rng: random.Random, number: int) -> Draft:
    """The canary conversation of this *number*: languages, contexts and types go round, so that each is measured."""
    language = LANGUAGES[number % len(LANGUAGES)]
    context = CONTEXTS[number // len(LANGUAGES) % len(CONTEXTS)]
    types = list(VALUES)
    first = number * 4
    chosen = list(dict.fromkeys(["PERSON", *(types[(first + i * 3) % len(types)] for i in range(rng.randint(3, 4)))]))
    values = {type_: VALUES[type_](rng, language) for type_ in chosen}
    ask = {"prose": _prose, "code": _code, "table": _table, "translation": _translation}[context](rng, language, values)
    turns = [("user", ask), ("assistant", _reply(rng, language, context, values))]
    if rng.random() < 0.5:
        said = values["PERSON"].split(" ", 1)[1]
        turns += [("user", rng.choice(_PEOPLE[language]).format(v=said)), ("assistant", said + " ✓")]
    return Draft(language, context, turns, [(0, type_, value) for type_, value in values.items()])


def _sentence(rng: random.Random, language: str, type_: str, value: str) -> str:
    if type_ == "PERSON":
        text = rng.choice(_PEOPLE[language]).format(v=value)
        # People write names small in chats: the hardest case, except in German, where it would look odd.
        return text.lower() if language != "de" and rng.random() < 0.3 else text
    text = rng.choice(_SENTENCES[language]).format(l=_LABELS[language][type_], v=value)
    return text[:1].upper() + text[1:]


def _prose(rng: random.Random, language: str, values: dict[str, str]) -> str:
    told = [_sentence(rng, language, type_, value) for type_, value in values.items()]
    rng.shuffle(told)
    text, ask = " ".join(told), rng.choice(_ASKS[language])
    return f"{text} {ask}" if rng.random() < 0.6 else f"{ask}\n\n{text}"


def _key(type_: str) -> str:
    return type_.lower()


def _code(rng: random.Random, language: str, values: dict[str, str]) -> str:
    form = rng.randrange(4)
    if form == 0:
        body = "\n".join(f"    {_key(t)}={v!r}," for t, v in values.items())
        return f"```python\ncustomer = Customer(\n{body}\n)\ncustomer.save()\n```\nTypeError?"
    if form == 1:
        return (
            "```json\n" + json.dumps({_key(t): v for t, v in values.items()}, ensure_ascii=False, indent=2) + "\n```\nJSON → YAML"
        )
    if form == 2:
        return "docker-compose .env:\n```\n" + "\n".join(f"{t}={v}" for t, v in values.items()) + "\n```\nexit code 1?"
    columns, row = ", ".join(map(_key, values)), ", ".join("'" + v.replace("'", "''") + "'" for v in values.values())
    return f"```sql\nINSERT INTO kunden_tmp ({columns})\nVALUES ({row});\n```\nDuplicate key?"


def _table(rng: random.Random, language: str, values: dict[str, str]) -> str:
    labels = [_LABELS[language][t] for t in values]
    cells = list(values.values())
    form = rng.randrange(3)
    if form == 0:
        return f"| {' | '.join(labels)} |\n|{'---|' * len(labels)}\n| {' | '.join(cells)} |\n\n{rng.choice(_ASKS[language])}"
    if form == 1:
        return ";".join(labels) + "\n" + ";".join(cells) + "\n\nCSV?"
    return "\t".join(labels) + "\n" + "\t".join(cells) + "\n\n" + rng.choice(_ASKS[language])


def _translation(rng: random.Random, language: str, values: dict[str, str]) -> str:
    text = " ".join(_sentence(rng, language, type_, value) for type_, value in values.items())
    target = rng.choice(["English", "Polish", "Dutch"] if language != "en" else ["French", "Polish", "Dutch"])
    return f"Translate to {target}: «{text}»"


def _reply(rng: random.Random, language: str, context: str, values: dict[str, str]) -> str:
    if context == "translation":
        kept = [f"- {_LABELS['en'][t]}: {v}" for t, v in values.items()]
        return "Kept as they are:\n" + "\n".join(kept)
    if context == "prose":
        return _REPLIES[language].format(d="\n".join(f"{_LABELS[language][t]}: {v}" for t, v in values.items()))
    shown = dict(rng.sample(sorted(values.items()), min(2, len(values))))
    return "\n".join(f"`{_key(t)}`: {v}" for t, v in shown.items()) + "\nOK."
