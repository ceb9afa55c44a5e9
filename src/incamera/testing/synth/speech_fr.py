# ruff: noqa: E501  (tables of sentences: one rule a line)
# fmt: off
"""How people and an assistant talk, in French."""

from __future__ import annotations

from typing import Final

from incamera.testing.synth.grammar import Grammar

TOPICS: Final = ("recipe", "travel", "letter", "mail", "medical", "homework", "advice", "code")

GRAMMAR: Final = Grammar({
    "food": ["poireaux", "lentilles", "châtaignes", "courge", "sardines", "fenouil", "pain rassis", "pruneaux", "champignons", "betteraves", "pois chiches", "endives"],
    "dish": ["gratin", "potage", "ragoût", "clafoutis", "salade", "tourte"],
    "spice": ["cumin", "thym", "safran", "muscade", "laurier", "moutarde"],
    "city": ["Nantes", "Dijon", "Bruges", "Turin", "Saint-Malo", "Genève", "Porto", "Prague", "Colmar", "Tunis"],
    "sight": ["les halles", "un musée de la dentelle", "les remparts", "le jardin des plantes", "un théâtre d'ombres", "le vieux port"],
    "adj": ["simple", "rapide", "calme", "drôle", "pratique", "léger", "sobre", "facile", "tranquille", "bref"],
    "thing": ["le vélo", "la chaudière", "l'ordinateur", "le canapé", "la machine à laver", "la tondeuse", "le four"],
    "subject": ["la photosynthèse", "les fractions", "la Révolution", "le cycle de l'eau", "les probabilités", "le subjonctif"],
    "friend": ["ma sœur", "mon chef", "une voisine", "mon fils", "mon colocataire", "une amie"],
    "drug": ["ibuprofène", "metformine", "paracétamol", "oméprazole"],
    "pain": ["au genou", "au dos", "à l'épaule", "au ventre"],
    "month": ["janvier", "mars", "mai", "juillet", "octobre", "décembre"],
    "verb": ["trier", "compter", "fusionner", "lire", "filtrer"],
    "data": ["factures", "photos", "notes", "adresses", "réponses"],
    "mood": ["inquiet", "content", "fatigué", "perdu"],

    "q_recipe": ["Que faire avec des {food}, des {food} et du {spice} ?", "Un {dish} {adj} avec des {food}, s'il te plaît.", "On est {n} et j'ai seulement des {food}."],
    "o_recipe": ["Voici un {dish} {adj}.", "Avec des {food}, c'est parfait."],
    "b_recipe": ["Faites cuire {nn} g de {food}.", "Ajoutez le {spice} après {n} minutes.", "Servez avec des {food}.", "Laissez reposer, puis {spice} et sel.", "Se garde {n} jours au frais."],
    "f_recipe": ["On peut congeler ?", "Et sans {food} ?", "Pour {n} personnes ?"],
    "q_travel": ["{n} jours à {city} avec {friend}, plutôt {adj}.", "{city} ou {city} en {month} ?", "Comment aller de {city} à {city} ?"],
    "o_travel": ["{city}, bonne idée.", "Un programme {adj} :"],
    "b_travel": ["Jour {n} : {sight}, ensuite {sight}.", "En {month}, comptez {n} jours de pluie.", "Le billet coûte {nn} euros.", "Mangez des {food} près de {sight}.", "Réservez {sight} tôt."],
    "f_travel": ["Et s'il pleut ?", "Plutôt {n} jours."],
    "q_letter": ["Améliore cette lettre :\n\n{me}\n{me_address}\n\nMonsieur {them_family},\n{thing} ne marche plus depuis {month}. Mon numéro : {me_phone}, mon adresse : {me_email}.\n{me}"],
    "o_letter": ["Une version plus polie :"],
    "b_letter": ["Monsieur {them_family},", "En {month}, {thing} est tombé en panne.", "Vous pouvez m'appeler au {me_phone}.", "Écrivez-moi à {me_email}.", "Cordialement, {me}"],
    "f_letter": ["Plus court.", "Ajoute que je suis né le {me_born}."],
    "q_mail": ["Réponds : « Salut {me_given}, c'est {them}. Tu viens à {city} en {month} ? Mon numéro : {them_phone} »", "Résume le mail de {them_email} : {them_given} veut {thing}."],
    "o_mail": ["Salut {them_given},"],
    "b_mail": ["{month} me va bien.", "J'apporte des {food}.", "Je note le {them_phone}.", "À bientôt, {me_given}"],
    "f_mail": ["Dis que je ne peux pas.", "Merci"],
    "q_medical": ["J'ai mal {pain} depuis {month}, je prends du {drug}. Le docteur {them_family} est absent.", "{drug} avec {drug}, c'est risqué ?"],
    "o_medical": ["Je ne suis pas médecin, mais voici l'essentiel."],
    "b_medical": ["Le {drug} se prend en mangeant.", "Demandez au docteur {them_family}.", "Notez la douleur {n} jours.", "Si cela empire, consultez."],
    "f_medical": ["Combien, c'est trop ?", "Je suis {mood}."],
    "q_homework": ["Explique {subject} à un enfant de {n} ans.", "J'ai un contrôle sur {subject}, je suis {mood}."],
    "o_homework": ["Allons-y pas à pas."],
    "b_homework": ["L'idée de {subject} est {adj}.", "Imagine {n} {data} alignées.", "À ne pas confondre avec {other_subject=subject}.", "Essaie avec {n}, puis {nn}."],
    "f_homework": ["Je ne comprends pas.", "Un autre exemple {adj} ?"],
    "q_advice": ["{friend} ne rappelle jamais, je suis {mood}.", "Comment dire à {friend} que {thing} est à moi ?"],
    "o_advice": ["C'est normal d'être {mood}."],
    "b_advice": ["Attends {n} jours.", "Dis d'abord une chose {adj}.", "Écris ce que tu ressens.", "Reparle-en en {month}."],
    "f_advice": ["Et si ça tourne mal ?", "Merci"],
    "q_code": ["Un script pour {verb} des {data}", "Pourquoi ça plante en voulant {verb} {nn} {data} ?"],
    "o_code": ["Essaie ceci."],
    "b_code": ["```python\nfor ligne in donnees[:{nn}]:\n    print(ligne)\n```", "Mets une limite de {n} secondes.", "Il faut {verb} avant de {other_verb=verb}.", "Les {data} vides manquent."],
    "f_code": ["Erreur à la ligne {nn}.", "Et pour {other_verb=verb} ?"],
    "t_recipe": ["{^dish} aux {food}"],
    "t_travel": ["Voyage à {city}"],
    "t_letter": ["Lettre de {me_given}"],
    "t_homework": ["{^subject}"],
    "title": ["Une question", "{^data}", "Question de {month}"],
    "about": ["Je m'appelle {me}, j'habite à {me_city}.", "Je suis {me_given}, je travaille sur des {data}."],
    "error": ["Une erreur est survenue."],
    "stop": ["Autre chose ?", "Bon courage !", ""],
})
