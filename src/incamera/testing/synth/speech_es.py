# ruff: noqa: E501  (tables of sentences: one rule a line)
# fmt: off
"""How people and an assistant talk, in Spanish."""

from __future__ import annotations

from typing import Final

from incamera.testing.synth.grammar import Grammar

TOPICS: Final = ("recipe", "travel", "letter", "mail", "medical", "homework", "advice", "code")

GRAMMAR: Final = Grammar({
    "food": ["garbanzos", "calabaza", "sardinas", "arroz", "espinacas", "castañas", "pan duro", "berenjenas", "lentejas", "queso de cabra", "setas", "pimientos"],
    "dish": ["guiso", "crema", "ensalada", "empanada", "tortilla", "sopa"],
    "spice": ["comino", "azafrán", "laurel", "pimentón", "romero", "canela"],
    "city": ["Cádiz", "Cuenca", "Oviedo", "Granada", "Mérida", "Lima", "Bogotá", "Lyon", "Nápoles", "Viena"],
    "sight": ["el mercado viejo", "un museo de azulejos", "la muralla", "el jardín botánico", "un teatro de títeres", "el barrio del puerto"],
    "adj": ["rápido", "sencillo", "barato", "tranquilo", "raro", "bonito", "práctico", "breve", "amable", "ligero"],
    "thing": ["el frigorífico", "la bicicleta", "el portátil", "la lavadora", "el sofá", "la caldera", "la guitarra"],
    "subject": ["la fotosíntesis", "las ecuaciones", "la Edad Media", "el ciclo del agua", "la probabilidad", "el subjuntivo"],
    "friend": ["mi hermana", "mi jefe", "una vecina", "mi hijo", "mi compañero de piso", "una amiga"],
    "drug": ["ibuprofeno", "metformina", "omeprazol", "paracetamol"],
    "pain": ["la rodilla", "la espalda", "el hombro", "el estómago"],
    "month": ["enero", "marzo", "mayo", "julio", "octubre", "diciembre"],
    "verb": ["ordenar", "contar", "unir", "leer", "filtrar"],
    "data": ["facturas", "fotos", "notas", "direcciones", "encuestas"],
    "mood": ["cansado", "contento", "preocupado", "nervioso"],

    "q_recipe": ["¿Qué hago con {food}, {food} y {spice}?", "Dame un {dish} {adj} con {food}, por favor.", "Somos {n} y solo tengo {food}. ¿Ideas?"],
    "o_recipe": ["Aquí va un {dish} {adj}.", "Con {food} sale muy bien."],
    "b_recipe": ["Pon {nn} gramos de {food} en remojo.", "Sofríe con {spice} unos {n} minutos.", "Añade {food} y deja reposar.", "Sirve con {food}.", "Aguanta {n} días en la nevera.", "Un poco de {spice} al final."],
    "f_recipe": ["¿Se puede congelar?", "¿Y sin {food}?", "¿Para {n} personas?"],
    "q_travel": ["{n} días en {city} con {friend}, plan {adj}.", "¿{city} o {city} en {month}?", "¿Cómo voy de {city} a {city}?"],
    "o_travel": ["{city} es buena idea.", "Un plan {adj}:"],
    "b_travel": ["Día {n}: {sight} y luego {sight}.", "En {month} llueve unos {n} días.", "El billete cuesta {nn} euros.", "Cena {food} cerca de {sight}.", "Reserva {sight} con {n} semanas."],
    "f_travel": ["¿Y si llueve?", "Que sean {n} días."],
    "q_letter": ["Mejora esta carta:\n\n{me}\n{me_address}\n\nEstimado señor {them_family}:\n{thing} no funciona desde {month}. Mi teléfono es {me_phone}, mi correo {me_email}.\n{me}"],
    "o_letter": ["Una versión más formal:"],
    "b_letter": ["Estimado señor {them_family}:", "En {month} compré {thing} y falla.", "Puede llamarme al {me_phone}.", "Escríbame a {me_email}.", "Un saludo, {me}"],
    "f_letter": ["Más corta.", "Añade que nací el {me_born}."],
    "q_mail": ["Responde: «Hola {me_given}, soy {them}. ¿Vienes a {city} en {month}? Mi número es {them_phone}»", "Resume el correo de {them_email}: {them_given} quiere {thing} en {month}."],
    "o_mail": ["Hola, {them_given}:"],
    "b_mail": ["{month} me viene bien.", "Llevo {food} y {food}.", "Apunto el {them_phone}.", "Un abrazo, {me_given}"],
    "f_mail": ["Di que no puedo.", "Gracias"],
    "q_medical": ["Me duele {pain} desde {month} y tomo {drug}. La doctora {them_family} no contesta.", "¿{drug} con {drug}?"],
    "o_medical": ["No soy médico, pero lo habitual es esto."],
    "b_medical": ["{drug} se toma con comida.", "Pregunta a la doctora {them_family}.", "Anota el dolor {n} días.", "Si empeora, ve a urgencias."],
    "f_medical": ["¿Cuánto es demasiado?", "Estoy {mood}."],
    "q_homework": ["Explica {subject} para un niño de {n} años.", "Tengo examen de {subject} y estoy {mood}."],
    "o_homework": ["Vamos paso a paso."],
    "b_homework": ["La idea de {subject} es {adj}.", "Imagina {n} {data} en fila.", "No lo confundas con {other_subject=subject}.", "Prueba con {n} y con {nn}."],
    "f_homework": ["No lo entiendo.", "¿Otro ejemplo {adj}?"],
    "q_advice": ["{friend} no me llama y estoy {mood}.", "¿Cómo digo a {friend} que {thing} es mío?"],
    "o_advice": ["Es normal estar {mood}."],
    "b_advice": ["Dale {n} días.", "Di algo {adj} primero.", "Escribe lo que sientes.", "Espera hasta {month}."],
    "f_advice": ["¿Y si sale mal?", "Gracias"],
    "q_code": ["Un script para {verb} {data} en Python", "¿Por qué falla al {verb} {nn} {data}?"],
    "o_code": ["Prueba esto."],
    "b_code": ["```python\nfor fila in datos[:{nn}]:\n    print(fila)\n```", "Añade un límite de {n} segundos.", "Hay que {verb} antes de {other_verb=verb}.", "Faltan las {data} vacías."],
    "f_code": ["Da error en la línea {nn}.", "¿Y para {other_verb=verb}?"],
    "t_recipe": ["{^dish} con {food}"],
    "t_travel": ["Viaje a {city}"],
    "t_letter": ["Carta de {me_given}"],
    "t_homework": ["{^subject}"],
    "title": ["Una duda", "{^data}", "Consulta de {month}"],
    "about": ["Me llamo {me} y vivo en {me_city}.", "Soy {me_given}, trabajo con {data}."],
    "error": ["Se ha producido un error."],
    "stop": ["¿Algo más?", "¡Suerte!", ""],
})
