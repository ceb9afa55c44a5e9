"""The words that travel with a volume: what each column means, and how to begin."""

from __future__ import annotations

from incamera.production.tables import Table, from_records
from incamera.production.terms import Terms

_MEANINGS: tuple[tuple[str, str, str], ...] = (
    (
        "BULK",
        "conversation",
        "Random id of the row in the frame; the only name by which the conversation leaves. No source id is produced.",
    ),
    ("BULK", "subject", "Random pseudonym of the data subject: per conversation unless the order links conversations."),
    ("BULK", "bates", "Bates number where the conversation is also in the document lane."),
    (
        "BULK",
        "stratum, probability, rank, position",
        "Of the draw: places over rows of the stratum, unreduced; HMAC rank; place within the stratum.",
    ),
    (
        "BULK",
        "month, region, tier, platform, language",
        "Facts of the source; empty where the source does not say. Unknown region is treated as EEA.",
    ),
    (
        "BULK",
        "temporary, deletion_requested, party_account",
        "Product and account facts at collection; a party account belongs to a party or its investigators.",
    ),
    ("BULK", "responsive", "Whether the order's rule of responsiveness holds."),
    ("BULK", "outputs_missing", "Prompts without an output in the source, by reason."),
    ("BULK", "record.header", "Title, custom instructions and other strings of the conversation itself."),
    (
        "BULK",
        "record.turns",
        "All turns, regenerated and edited branches included: parent is the turn answered, active marks the visible path.",
    ),
    ("BULK", "record.turns.at", "Time as the recipe coarsens it. The order of turns is the true one."),
    (
        "BULK",
        "record.turns.parts",
        "Every string that can carry text, by kind, after de-identification. Offsets count Unicode code points.",
    ),
    ("BULK", "record.recipe", "SHA-256 of the de-identification recipe."),
    (
        "BULK",
        "matches",
        "Exact runs shared with a claimed work: half-open offsets on the produced part and on the work as submitted.",
    ),
    ("BULK", "matches.words, matches.fold", "Length in words, or (chars/1) in characters of a script without spaces."),
    (
        "BULK",
        "matches.elicitation",
        "How the run came about, as labels of evidence, not a verdict; PROMPT means that it stands in a prompt.",
    ),
    (
        "BULK",
        "decision, row, rows, proof",
        "Ledger index of the decision, and the row's place and Merkle path under the root it decided.",
    ),
    (
        "LOGS/redaction.csv",
        "message, part, span_start, span_end",
        "Turn index (-1: header) and part (-1: tool name, -2: language model, -3 and below: cited sources); half-open offsets "
        "on the produced text.",
    ),
    ("LOGS/redaction.csv", "confidence", "Empty: the resolved list of replacements keeps detectors, not probabilities."),
    ("LOGS/redaction.csv", "reviewer1", "Actor of the recorded decision; a stipulated rule or a reviewer's pseudonym."),
    ("LOGS/withheld.csv", "message", "Empty: the whole conversation is withheld."),
    (
        "DATA/*.DAT",
        "DATESTART, TIMESTART, DATEEND",
        "UTC. Where times are coarsened, days and seconds are synthetic and keep the true order only.",
    ),
    ("DATA/*.DAT", "SAMPLEWEIGHT", "Inverse of the inclusion probability, as a fraction."),
    ("DATA/*.DAT", "CUSTODIAN", "U- and the first 16 digits of the subject's pseudonym."),
    (
        "DATA/*.DAT",
        "{U+00FE}",
        "A character the format cannot carry, by its code point; substitutions are counted in the certificate.",
    ),
    ("NATIVES/*.rsmf", "timestamp", "As DATESTART: true order, synthetic seconds."),
    (
        "TABLES/masked_share.csv",
        "share",
        "Produced characters that stand in replaced stretches, over produced characters of the role.",
    ),
    ("TABLES/hits_by_threshold.csv", "low, high", "Exact (Clopper-Pearson) bounds of the share at the stated confidence."),
)


def dictionary() -> Table:
    """The data dictionary."""
    return from_records(({"file": f, "field": n, "meaning": m} for f, n, m in _MEANINGS), ("file", "field", "meaning"))


def readme(terms: Terms) -> str:
    """`README.txt`: what lies here and how to check it."""
    sealed = bool(terms.bulk_recipients)
    bulk = (
        "  BULK/      rows.jsonl.gz.age, rows.parquet.age: sealed; digests.jsonl.gz: what all can check\n"
        if sealed
        else "  BULK/      rows.jsonl.gz and rows.parquet: every conversation; weights.csv\n"
    )
    return (
        f"{terms.designation}\n\n"
        f"Production {terms.volume}\n{terms.caption}\n{terms.number}\n\n"
        "Check it, offline, before you use it:\n\n"
        "    sha256sum -c MANIFEST/sha256sum.txt          (run in this directory: bytes only)\n"
        "    incamera-verify . --trust TRUST.toml         (everything; TRUST.toml must reach you by another way)\n\n"
        "What lies here:\n\n"
        "  CERT/      the certificate: begin with certificate.html\n"
        "  DATA/      Concordance load file\n"
        "  TEXT/      extracted text, one file a document\n"
        "  NATIVES/   RSMF 2.0.0, one file a document\n"
        f"{bulk}"
        "  LOGS/      redaction, withheld, waiver and exceptions logs\n"
        "  TABLES/    hits by threshold, coverage, missing outputs, masked share, obligations\n"
        "  SAMPLE/    frame, seeds and draw: everything needed to draw again\n"
        "  LEDGER/    every act of this matter, with proofs\n"
        "  MANIFEST/  every file with its SHA-256, under one signed root\n"
        "  DICTIONARY.csv, volume.json, run.json\n\n"
        "This text was de-identified. It is not anonymous: whoever finds out who somebody is, must say so and forget it.\n"
    )
