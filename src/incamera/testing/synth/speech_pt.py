# ruff: noqa: E501  (tables of sentences: one rule a line)
# fmt: off
"""How people and an assistant talk, in Portuguese."""

from __future__ import annotations

from typing import Final

from incamera.testing.synth.grammar import Grammar

TOPICS: Final = ("recipe", "travel", "letter", "mail", "medical", "homework")

GRAMMAR: Final = Grammar({
    "food": ["feijão", "abóbora", "sardinhas", "couve", "castanhas", "cogumelos", "pão seco", "berinjela", "lentilhas", "mandioca"],
    "dish": ["sopa", "torta", "salada", "omelete", "moqueca"],
    "spice": ["cominho", "açafrão", "louro", "coentro", "alecrim"],
    "city": ["Évora", "Coimbra", "Recife", "Ouro Preto", "Sevilha", "Lyon", "Braga", "Salvador"],
    "sight": ["o mercado velho", "um museu de azulejos", "a muralha", "o jardim botânico", "o porto antigo"],
    "adj": ["simples", "rápida", "tranquila", "leve", "prática", "barata"],
    "thing": ["a bicicleta", "a caldeira", "o portátil", "o sofá", "a máquina de lavar", "o forno"],
    "subject": ["a fotossíntese", "as frações", "os Descobrimentos", "o ciclo da água", "o conjuntivo"],
    "friend": ["minha irmã", "meu chefe", "uma vizinha", "meu filho", "um amigo"],
    "drug": ["ibuprofeno", "metformina", "paracetamol", "omeprazol"],
    "pain": ["o joelho", "as costas", "o ombro", "a barriga"],
    "month": ["janeiro", "março", "maio", "julho", "outubro", "dezembro"],
    "mood": ["cansado", "contente", "preocupado", "nervoso"],

    "q_recipe": ["O que faço com {food}, {food} e {spice}?", "Uma {dish} {adj} com {food}, por favor.", "Somos {n} e só tenho {food}."],
    "o_recipe": ["Aqui vai uma {dish} {adj}.", "Com {food} fica muito bom."],
    "b_recipe": ["Demolhe {nn} g de {food}.", "Junte {spice} depois de {n} minutos.", "Sirva com {food}.", "Deixe descansar, depois {spice} e sal.", "Dura {n} dias na geladeira."],
    "f_recipe": ["Pode congelar?", "E sem {food}?", "Para {n} pessoas?"],
    "q_travel": ["{n} dias em {city} com {friend}, viagem {adj}.", "{city} ou {city} em {month}?", "Como vou de {city} a {city}?"],
    "o_travel": ["{city} é boa escolha.", "Uma proposta {adj}:"],
    "b_travel": ["Dia {n}: {sight}, depois {sight}.", "Em {month} chove {n} dias.", "O bilhete custa {nn} euros.", "Jante {food} perto de {sight}."],
    "f_travel": ["E se chover?", "Melhor {n} dias."],
    "q_letter": ["Melhore esta carta:\n\n{me}\n{me_address}\n\nExmo. Senhor {them_family},\n{thing} não funciona desde {month}. O meu número: {me_phone}, correio: {me_email}.\n{me}"],
    "o_letter": ["Uma versão mais cortês:"],
    "b_letter": ["Exmo. Senhor {them_family},", "em {month} {thing} avariou.", "Pode ligar para {me_phone}.", "Escreva para {me_email}.", "Com os melhores cumprimentos, {me}"],
    "f_letter": ["Mais curta.", "Diga que nasci em {me_born}."],
    "q_mail": ["Responda: «Olá {me_given}, é {them}. Vens a {city} em {month}? O meu número: {them_phone}»", "Resuma o correio de {them_email}: {them_given} quer {thing}."],
    "o_mail": ["Olá {them_given},"],
    "b_mail": ["{month} está bem.", "Levo {food}.", "Anoto o {them_phone}.", "Até breve, {me_given}"],
    "f_mail": ["Diga que não posso.", "Obrigado"],
    "q_medical": ["Dói {pain} desde {month}, tomo {drug}. A doutora {them_family} está de férias.", "{drug} com {drug}?"],
    "o_medical": ["Não sou médico, mas o habitual é isto."],
    "b_medical": ["{drug} toma-se com comida.", "Pergunte à doutora {them_family}.", "Anote a dor {n} dias.", "Se piorar, vá logo."],
    "f_medical": ["Quanto é demais?", "Estou {mood}."],
    "q_homework": ["Explique {subject} a uma criança de {n} anos.", "Tenho teste sobre {subject} e estou {mood}."],
    "o_homework": ["Vamos passo a passo."],
    "b_homework": ["A ideia: {subject} é coisa {adj}.", "Imagine {n} maçãs em fila.", "Não confunda com {other_subject=subject}.", "Tente com {n} e {nn}."],
    "f_homework": ["Não percebo.", "Outro exemplo?"],
    "t_recipe": ["{^dish} com {food}"],
    "t_travel": ["Viagem a {city}"],
    "t_letter": ["Carta de {me_given}"],
    "t_homework": ["{^subject}"],
    "title": ["Uma pergunta", "Pergunta de {month}"],
    "about": ["Chamo-me {me} e moro em {me_city}.", "Sou {me_given}, cozinho muito {food}."],
    "error": ["Ocorreu um erro."],
    "stop": ["Mais alguma coisa?", "Boa sorte!", ""],
})
