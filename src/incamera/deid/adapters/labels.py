"""Other people's labels in our words. What is not listed is OTHER: found is found, whatever it is called."""

from __future__ import annotations

from incamera.core.records import FindingKind

_DIRECT = """
PERSON ORG LOC ADDRESS EMAIL PHONE CARD IBAN BIC NATIONAL-ID PLATE IP MAC URL HANDLE GEO WALLET CASE CODE SECRET ACCOUNT OTHER
"""
#: The kind of each label that a further detector may give.
KIND: dict[str, FindingKind] = {
    **dict.fromkeys(_DIRECT.split(), "direct"),
    **dict.fromkeys(("DEM", "HEALTH"), "sensitive"),
    **dict.fromkeys(("DATE", "TIME", "AGE", "OCC", "KIN", "QUANTITY", "NUMBER"), "quasi"),
}

#: spaCy pipelines: OntoNotes and WikiNER names.
SPACY = {
    "PERSON": "PERSON",
    "PER": "PERSON",
    "ORG": "ORG",
    "GPE": "LOC",
    "LOC": "LOC",
    "FAC": "LOC",
    "NORP": "DEM",
    "DATE": "DATE",
    "TIME": "TIME",
    "MONEY": "QUANTITY",
    "PERCENT": "QUANTITY",
    "QUANTITY": "QUANTITY",
    "CARDINAL": "NUMBER",
    "ORDINAL": "NUMBER",
}

#: Presidio entities; country-specific ones are told by their last words.
PRESIDIO = {
    "PERSON": "PERSON",
    "ORGANIZATION": "ORG",
    "LOCATION": "LOC",
    "NRP": "DEM",
    "DATE_TIME": "DATE",
    "AGE": "AGE",
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "SWIFT_CODE": "BIC",
    "IP_ADDRESS": "IP",
    "MAC_ADDRESS": "MAC",
    "URL": "URL",
    "CRYPTO": "WALLET",
    "MEDICAL_LICENSE": "CODE",
    "US_BANK_NUMBER": "ACCOUNT",
    "US_SSN": "NATIONAL-ID",
    "UK_NHS": "NATIONAL-ID",
}

#: OpenAI Privacy Filter, by the names of its card.
PRIVACY_FILTER = {
    "private_person": "PERSON",
    "private_address": "ADDRESS",
    "private_email": "EMAIL",
    "private_phone": "PHONE",
    "private_url": "URL",
    "private_date": "DATE",
    "account_number": "ACCOUNT",
    "secret": "SECRET",
}

#: What GLiNER is asked for, in the words its training used.
GLINER = {
    "person": "PERSON",
    "username": "HANDLE",
    "organization": "ORG",
    "location": "LOC",
    "address": "ADDRESS",
    "email": "EMAIL",
    "phone number": "PHONE",
    "date of birth": "DATE",
    "credit card number": "CARD",
    "bank account number": "ACCOUNT",
    "social security number": "NATIONAL-ID",
    "passport number": "NATIONAL-ID",
    "driver license number": "NATIONAL-ID",
    "medical record number": "CODE",
    "ip address": "IP",
    "password": "SECRET",
    "nationality": "DEM",
    "religion": "DEM",
    "medical condition": "HEALTH",
    "occupation": "OCC",
}
