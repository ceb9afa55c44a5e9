# ruff: noqa: E501  (tables of sentences: one rule a line)
# fmt: off
"""How people and an assistant talk, in German."""

from __future__ import annotations

from typing import Final

from incamera.testing.synth.grammar import Grammar

TOPICS: Final = ("recipe", "travel", "letter", "mail", "medical", "homework", "advice", "code")

GRAMMAR: Final = Grammar({
    "food": ["Linsen", "Kürbis", "Lauch", "Rotkohl", "Maronen", "Pilze", "Graupen", "Quitten", "Forelle", "Ziegenkäse", "Kichererbsen", "Sellerie"],
    "dish": ["Eintopf", "Auflauf", "Salat", "Suppe", "Kuchen", "Brotaufstrich"],
    "spice": ["Kümmel", "Safran", "Thymian", "Muskat", "Lorbeer", "Senf"],
    "city": ["Görlitz", "Bamberg", "Graz", "Basel", "Krakau", "Gent", "Triest", "Lissabon", "Bergen", "Passau"],
    "sight": ["die Markthalle", "ein Puppentheater", "die Stadtmauer", "der botanische Garten", "ein Uhrenmuseum", "der alte Hafen"],
    "adj": ["einfach", "schnell", "ruhig", "lustig", "praktisch", "kurz", "günstig", "leicht", "freundlich", "gemütlich"],
    "thing": ["das Fahrrad", "die Heizung", "der Laptop", "das Sofa", "die Waschmaschine", "der Rasenmäher", "der Ofen"],
    "subject": ["die Photosynthese", "Bruchrechnung", "die Reformation", "der Wasserkreislauf", "Wahrscheinlichkeit", "der Konjunktiv"],
    "friend": ["meine Schwester", "mein Chef", "eine Nachbarin", "mein Sohn", "mein Mitbewohner", "eine Freundin"],
    "drug": ["Ibuprofen", "Metformin", "Ramipril", "Omeprazol"],
    "pain": ["das Knie", "der Rücken", "die Schulter", "der Bauch"],
    "month": ["Januar", "März", "Mai", "Juli", "Oktober", "Dezember"],
    "verb": ["sortieren", "zählen", "verbinden", "einlesen", "filtern"],
    "data": ["Rechnungen", "Fotos", "Noten", "Adressen", "Umfragen"],
    "mood": ["müde", "froh", "besorgt", "nervös"],

    "q_recipe": ["Was mache ich aus {food}, {food} und {spice}?", "Bitte einen {dish} mit {food}, {adj}.", "Wir sind {n} Leute und haben nur {food}."],
    "o_recipe": ["Hier ein {dish}, ganz {adj}.", "Mit {food} klappt das gut."],
    "b_recipe": ["Nimm {nn} g {food}.", "Nach {n} Minuten kommt {spice} dazu.", "Dazu passen {food}.", "Ruhen lassen, dann {spice} und Salz.", "Hält {n} Tage im Kühlschrank."],
    "f_recipe": ["Kann man das einfrieren?", "Und ohne {food}?", "Für {n} Personen?"],
    "q_travel": ["{n} Tage {city} mit Kindern, eher {adj}.", "{city} oder {city} im {month}?", "Wie komme ich von {city} nach {city}?"],
    "o_travel": ["{city} ist eine gute Wahl.", "Ein Plan, {adj}:"],
    "b_travel": ["Tag {n}: {sight}, danach {sight}.", "Im {month} regnet es an {n} Tagen.", "Die Karte kostet {nn} Euro.", "Abends {food} nahe {sight}.", "Früh buchen: {sight}."],
    "f_travel": ["Und bei Regen?", "Lieber {n} Tage."],
    "q_letter": ["Bitte höflicher:\n\n{me}\n{me_address}\n\nSehr geehrter Herr {them_family},\n{thing} ist seit {month} kaputt. Meine Nummer: {me_phone}, Mail: {me_email}.\n{me}"],
    "o_letter": ["Eine höflichere Fassung:"],
    "b_letter": ["Sehr geehrter Herr {them_family},", "im {month} ging {thing} kaputt.", "Sie erreichen mich unter {me_phone}.", "Gern auch per Mail: {me_email}.", "Mit freundlichen Grüßen, {me}"],
    "f_letter": ["Kürzer bitte.", "Ergänze mein Geburtsdatum, {me_born}."],
    "q_mail": ["Antworte: „Hallo {me_given}, hier ist {them}. Kommst du im {month} nach {city}? Meine Nummer: {them_phone}“", "Fasse die Mail von {them_email} zusammen: {them_given} will {thing}."],
    "o_mail": ["Hallo {them_given},"],
    "b_mail": ["{month} passt mir gut.", "Ich bringe {food} mit.", "Ich notiere {them_phone}.", "Bis bald, {me_given}"],
    "f_mail": ["Sag lieber ab.", "Danke"],
    "q_medical": ["Seit {month} tut {pain} weh, ich nehme {drug}. Frau Dr. {them_family} ist im Urlaub.", "Darf man {drug} mit {drug} nehmen?"],
    "o_medical": ["Ich bin kein Arzt, aber üblich ist dies."],
    "b_medical": ["{drug} nimmt man zum Essen.", "Fragen Sie Dr. {them_family}.", "Schreiben Sie {n} Tage lang mit.", "Wird es schlimmer, gehen Sie hin."],
    "f_medical": ["Wie viel ist zu viel?", "Ich bin {mood}."],
    "q_homework": ["Erkläre {subject} für ein Kind von {n} Jahren.", "Ich schreibe eine Arbeit über {subject} und bin {mood}."],
    "o_homework": ["Schritt für Schritt."],
    "b_homework": ["Die Idee: {subject} ist {adj}.", "Stell dir {n} {data} vor.", "Nicht verwechseln mit: {other_subject=subject}.", "Probiere es mit {n} und {nn}."],
    "f_homework": ["Verstehe ich nicht.", "Noch ein Beispiel?"],
    "q_advice": ["{friend} ruft nie zurück, ich bin {mood}.", "Wie sage ich es höflich, dass {thing} mir gehört?"],
    "o_advice": ["Es ist normal, {mood} zu sein."],
    "b_advice": ["Warte {n} Tage.", "Sag zuerst etwas Nettes.", "Schreib auf, was dich stört.", "Sprich es im {month} an."],
    "f_advice": ["Und wenn es schiefgeht?", "Danke"],
    "q_code": ["Ein Skript, um {data} zu {verb}", "Warum stürzt es beim {verb} von {nn} {data} ab?"],
    "o_code": ["Versuch das."],
    "b_code": ["```python\nfor zeile in daten[:{nn}]:\n    print(zeile)\n```", "Setze ein Limit von {n} Sekunden.", "Erst {verb}, dann {other_verb=verb}.", "Leere {data} fehlen."],
    "f_code": ["Fehler in Zeile {nn}.", "Und zum {other_verb=verb}?"],
    "t_recipe": ["{dish} mit {food}"],
    "t_travel": ["Reise nach {city}"],
    "t_letter": ["Brief von {me_given}"],
    "t_homework": ["{^subject}"],
    "title": ["Eine Frage", "{data}", "Frage im {month}"],
    "about": ["Ich heiße {me} und wohne in {me_city}.", "Ich bin {me_given} und arbeite viel mit {data}."],
    "error": ["Es ist ein Fehler aufgetreten."],
    "stop": ["Noch etwas?", "Viel Erfolg!", ""],
})
