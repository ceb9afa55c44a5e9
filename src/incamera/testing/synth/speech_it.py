# ruff: noqa: E501  (tables of sentences: one rule a line)
# fmt: off
"""How people and an assistant talk, in Italian."""

from __future__ import annotations

from typing import Final

from incamera.testing.synth.grammar import Grammar

TOPICS: Final = ("recipe", "travel", "letter", "mail", "medical", "homework")

GRAMMAR: Final = Grammar({
    "food": ["ceci", "zucca", "sarde", "finocchi", "castagne", "funghi", "pane raffermo", "melanzane", "lenticchie", "carciofi"],
    "dish": ["zuppa", "torta", "insalata", "frittata", "minestra"],
    "spice": ["cumino", "zafferano", "timo", "alloro", "rosmarino"],
    "city": ["Lucca", "Trieste", "Matera", "Verona", "Lione", "Cadice", "Vienna", "Siracusa"],
    "sight": ["il mercato coperto", "un museo di marionette", "le mura", "l'orto botanico", "il porto vecchio"],
    "adj": ["semplice", "veloce", "tranquilla", "leggera", "pratica", "breve"],
    "thing": ["la bicicletta", "la caldaia", "il portatile", "il divano", "la lavatrice", "il forno"],
    "subject": ["la fotosintesi", "le frazioni", "il Rinascimento", "il ciclo dell'acqua", "il congiuntivo"],
    "friend": ["mia sorella", "il mio capo", "una vicina", "mio figlio", "un amico"],
    "drug": ["ibuprofene", "metformina", "paracetamolo", "omeprazolo"],
    "pain": ["il ginocchio", "la schiena", "la spalla", "lo stomaco"],
    "month": ["gennaio", "marzo", "maggio", "luglio", "ottobre", "dicembre"],
    "mood": ["stanco", "contento", "preoccupato", "nervoso"],

    "q_recipe": ["Cosa preparo con {food}, {food} e {spice}?", "Una {dish} {adj} con {food}, per favore.", "Siamo in {n} e ho solo {food}."],
    "o_recipe": ["Ecco una {dish} {adj}.", "Con {food} viene bene."],
    "b_recipe": ["Metti in ammollo {nn} g di {food}.", "Aggiungi {spice} dopo {n} minuti.", "Servi con {food}.", "Lascia riposare, poi {spice} e sale.", "Dura {n} giorni in frigo."],
    "f_recipe": ["Si può congelare?", "E senza {food}?", "Per {n} persone?"],
    "q_travel": ["{n} giorni a {city} con {friend}, gita {adj}.", "{city} o {city} a {month}?", "Come vado da {city} a {city}?"],
    "o_travel": ["{city} è una bella scelta.", "Una proposta {adj}:"],
    "b_travel": ["Giorno {n}: {sight}, poi {sight}.", "A {month} piove {n} giorni.", "Il biglietto costa {nn} euro.", "Cena con {food} vicino a {sight}."],
    "f_travel": ["E se piove?", "Meglio {n} giorni."],
    "q_letter": ["Migliora questa lettera:\n\n{me}\n{me_address}\n\nGentile signor {them_family},\n{thing} non funziona da {month}. Il mio numero: {me_phone}, posta: {me_email}.\n{me}"],
    "o_letter": ["Una versione più cortese:"],
    "b_letter": ["Gentile signor {them_family},", "a {month} {thing} si è guastata.", "Può chiamarmi al {me_phone}.", "Mi scriva a {me_email}.", "Cordiali saluti, {me}"],
    "f_letter": ["Più corta.", "Aggiungi che sono nato il {me_born}."],
    "q_mail": ["Rispondi: «Ciao {me_given}, sono {them}. Vieni a {city} a {month}? Il mio numero: {them_phone}»", "Riassumi la mail di {them_email}: {them_given} vuole {thing}."],
    "o_mail": ["Ciao {them_given},"],
    "b_mail": ["{month} va bene.", "Porto {food}.", "Mi segno il {them_phone}.", "A presto, {me_given}"],
    "f_mail": ["Di' che non posso.", "Grazie"],
    "q_medical": ["Mi fa male {pain} da {month}, prendo {drug}. La dottoressa {them_family} non c'è.", "{drug} con {drug}?"],
    "o_medical": ["Non sono un medico, ma di solito è così."],
    "b_medical": ["{drug} si prende a stomaco pieno.", "Chiedi alla dottoressa {them_family}.", "Annota il dolore per {n} giorni.", "Se peggiora, vai subito."],
    "f_medical": ["Quanto è troppo?", "Sono {mood}."],
    "q_homework": ["Spiega {subject} a un bambino di {n} anni.", "Ho un compito su {subject} e sono {mood}."],
    "o_homework": ["Un passo alla volta."],
    "b_homework": ["L'idea: {subject} è cosa {adj}.", "Immagina {n} mele in fila.", "Non confondere con {other_subject=subject}.", "Prova con {n} e {nn}."],
    "f_homework": ["Non capisco.", "Un altro esempio?"],
    "t_recipe": ["{^dish} con {food}"],
    "t_travel": ["Viaggio a {city}"],
    "t_letter": ["Lettera di {me_given}"],
    "t_homework": ["{^subject}"],
    "title": ["Una domanda", "Domanda di {month}"],
    "about": ["Mi chiamo {me} e vivo a {me_city}.", "Sono {me_given}, cucino spesso {food}."],
    "error": ["Si è verificato un errore."],
    "stop": ["Altro?", "Buona fortuna!", ""],
})
