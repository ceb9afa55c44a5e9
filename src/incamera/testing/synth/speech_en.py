# ruff: noqa: E501  (tables of sentences: one rule a line)
# fmt: off
"""How people and an assistant talk, in English. Fixed stretches are short, so that no long run is shared by accident."""

from __future__ import annotations

from typing import Final

from incamera.testing.synth.grammar import Grammar

TOPICS: Final = (
    *("recipe", "recipe", "travel", "homework", "garden", "spreadsheet", "code", "code", "secret_code", "letter", "mail", "cv"),
    *("medical", "landlord", "story", "translation", "table", "advice", "birthday", "repair"),
)

GRAMMAR: Final = Grammar({
    "food": ["lentils", "leeks", "chickpeas", "smoked tofu", "chestnuts", "barley", "plums", "sorrel", "pumpkin", "rye bread", "mackerel", "fennel", "goat cheese", "red cabbage", "quinces", "duck legs", "kale", "parsnips", "mushrooms", "black beans"],
    "dish": ["stew", "pie", "salad", "soup", "gratin", "curry", "omelette", "flatbread", "risotto", "casserole"],
    "spice": ["cumin", "dill", "saffron", "paprika", "thyme", "ginger", "mustard seed", "bay leaves", "nutmeg", "tarragon"],
    "cook": ["roast", "simmer", "steam", "fry", "braise", "blanch", "bake", "grill"],
    "time": ["{n} minutes", "half an hour", "about {n} minutes", "until golden", "until soft", "overnight"],
    "city": ["Lisbon", "Kraków", "Oaxaca", "Ghent", "Kyoto", "Tbilisi", "Bergen", "Palermo", "Hanoi", "Seville", "Ljubljana", "Quito", "Aarhus", "Marrakesh", "Porto", "Leipzig"],
    "sight": ["a tile museum", "the old fish market", "a rooftop bath", "the botanical garden", "a puppet theatre", "the river ferry", "a covered bazaar", "the castle walk", "a jazz cellar", "the tram depot tour"],
    "adj": ["quick", "lazy", "funny", "lovely", "gentle", "practical", "cheap", "fancy", "plain", "noisy", "sturdy", "bright", "sleepy", "tricky", "warm", "tiny", "bold", "sensible"],
    "thing": ["kettle", "bicycle", "bookshelf", "laptop", "washing machine", "tent", "violin", "boiler", "camera", "wardrobe", "lawn mower", "coffee grinder", "radiator", "door lock"],
    "plant": ["tomatoes", "lavender", "raspberries", "beans", "hydrangeas", "garlic", "peonies", "spinach", "figs", "mint"],
    "subject": ["photosynthesis", "the water cycle", "quadratic equations", "the French Revolution", "plate tectonics", "supply and demand", "Newton's second law", "metaphors", "cell division", "the Silk Road", "probability", "the periodic table"],
    "lang": ["Python", "JavaScript", "SQL", "Rust", "Go", "bash"],
    "verb": ["sort", "merge", "parse", "rename", "count", "split", "validate", "cache", "retry", "plot"],
    "data": ["log files", "invoices", "sensor readings", "survey answers", "photo names", "addresses", "test scores", "book lists", "timetables", "bank exports"],
    "pain": ["knee", "lower back", "left shoulder", "stomach", "throat", "wrist"],
    "drug": ["ibuprofen", "metformin", "amoxicillin", "lisinopril", "sertraline", "levothyroxine"],
    "job": ["nurse", "bus driver", "data analyst", "carpenter", "primary teacher", "account manager", "electrician", "translator", "warehouse lead", "pharmacist"],
    "firm": ["a bakery chain", "a small clinic", "a logistics firm", "the city library", "a solar start-up", "a law office", "an insurance group"],
    "mood": ["worried", "excited", "tired", "proud", "stuck", "curious", "annoyed", "grateful"],
    "friend": ["my sister", "my boss", "a neighbour", "my daughter", "our landlord", "my flatmate", "an old friend", "my uncle"],
    "please": ["Please", "Could you", "Can you", "I need you to", "Would you"],
    "thanks": ["Thanks!", "Many thanks.", "Cheers", "Thank you so much", ""],
    "month": ["January", "March", "April", "June", "July", "September", "October", "December"],

    "q_recipe": ["What can I {cook} with {food}, {food} and {spice}?", "{please} give me a {adj} {dish} with {food}?", "I have {n} guests, lots of {food} and no oven. Ideas for a {dish}?", "My {dish} tastes of nothing but {spice}. What went wrong?"],
    "o_recipe": ["A {adj} {dish} it is.", "Here is a {dish} that works well.", "With {food} you are halfway there.", "Try this."],
    "b_recipe": ["{^cook} the {food} for {time}, then add {spice}.", "Use {nn} g of {food} and a pinch of {spice}.", "Let it rest for {time}.", "If you have no {food}, take {food} instead.", "Season with {spice} and a little salt.", "{^cook} everything together for {time}.", "Serve with {food} or plain rice.", "Keep the lid on; {food} dries out quickly.", "It keeps for {n} days in the fridge.", "A spoon of {spice} at the end lifts it."],
    "f_recipe": ["Can I freeze it?", "And without {food}?", "How long for {n} people?", "What wine or tea goes with a {adj} {dish}?"],

    "q_travel": ["Plan {n} days in {city} for {friend} and me, {adj} and not too expensive.", "Is {city} or {city} nicer in {month}?", "We land in {city} at {n}:15. What is open late near {sight}?", "{please} compare {city} with {city} for families?"],
    "o_travel": ["{city} is a {adj} choice.", "Here is a relaxed plan.", "Both are good; it depends on the weather."],
    "b_travel": ["Day {n}: start at {sight}, then walk to {sight}.", "In {month} expect rain on some {n} days.", "A day ticket costs about {n} euros.", "Skip {sight} unless you love queues.", "Book {sight} {n} weeks ahead.", "The night train to {city} is {adj} but slow.", "For dinner try {food} with {spice}.", "Stay near {sight}; it is {adj} at night.", "Children like {sight} best."],
    "f_travel": ["What about a rainy day?", "How do we get from {city} to {city}?", "Which area is quiet?", "Can you make it {n} days?"],

    "q_homework": ["Explain {subject} to a {n}-year-old.", "I have an exam on {subject} and I am {mood}. Where do I start?", "{please} write {n} practice questions about {subject}?", "What does {subject} have to do with {other_subject=subject}?"],
    "o_homework": ["Let us take {subject} step by step.", "Good question.", "Think of a {thing} for a moment."],
    "b_homework": ["The main idea of {subject} is simpler than it sounds.", "Imagine {n} {plant} in a row.", "First write down what you know about {subject}.", "A common mistake is to mix it up with {other_subject=subject}.", "Draw it: a {adj} arrow from left to right.", "The word itself is {nn} years old.", "Check your result with small numbers, say {n} and {n}.", "In an exam, name one {adj} example.", "That is why {subject} matters in daily life."],
    "f_homework": ["I still do not get it, {adj} example?", "Is {n} correct then?", "Test me!", "And why is that?"],

    "q_garden": ["My {plant} have yellow leaves since {month}.", "When do I plant {plant} next to {plant}?", "Which {plant} survive on a {adj} balcony?"],
    "o_garden": ["That is usually water, not disease.", "{^plant} are forgiving.", "You can still save them."],
    "b_garden": ["Water them every {n} days, early.", "Cut back the {plant} by a third in {month}.", "{^plant} hate wet feet.", "Mix {n} parts compost with one part sand.", "Slugs love {plant}; use a {adj} collar.", "Give {plant} {n} hours of sun.", "Do not feed after {month}."],
    "f_garden": ["And in pots?", "What about frost?", "Can I move the {plant} now?"],

    "q_spreadsheet": ["Formula to {verb} {data} by month and skip empty cells?", "My pivot table will not {verb} the {data}.", "How do I {verb} {nn} rows of {data} without macros?"],
    "o_spreadsheet": ["You can do that in one cell.", "Use a helper column.", "A pivot table is the {adj} way."],
    "b_spreadsheet": ["`=SUMIFS(C:C, A:A, \">={n}\", B:B, \"<>\")`", "Put the months in column {n}.", "`=FILTER(A2:D{nn}, B2:B{nn}<>\"\")`", "Then drag it down to row {nn}.", "Lock the range with dollar signs.", "Freeze the first row, it is {adj} for {data}.", "If it shows #N/A, the {data} hold blanks."],
    "f_spreadsheet": ["It says #VALUE!", "Same in LibreOffice?", "And with dates?"],

    "name": ["rows", "items", "total", "path", "count", "buffer", "index", "lines", "table", "chunk"],
    "q_code": ["{please} write {lang} that can {verb} {data}?", "Why does this {verb} function return None?\n\n```python\ndef {verb}_{name}({name}):\n    for x in {name}:\n        x.{verb}()\n```", "My {lang} script for {data} is slow, {nn} seconds for {nn} files."],
    "o_code": ["Here is a {adj} version.", "The loop never returns anything.", "Profile first, then {verb}."],
    "b_code": ["```python\ndef {verb}_{name}({name}, limit={nn}):\n    return [x for x in {name} if len(x) > {n}][:limit]\n```", "Call it once per {n} {data}.", "```sql\nSELECT {name}, COUNT(*) FROM {name}_{n} GROUP BY {name} HAVING COUNT(*) > {nn};\n```", "The {name} argument must be a list.", "Add a test for an empty {name}.", "```bash\nfind . -name '*.{n}' | xargs -n {n} {verb}-{name}\n```", "Use a {adj} timeout of {n} seconds.", "`{name}.{verb}()` changes it in place."],
    "f_code": ["Now with type hints?", "It raises IndexError for {nn} {data}.", "Can you do it in {other_lang=lang} too?"],

    "q_secret_code": ["Why can't I connect?\n\n```python\nimport client\nc = client.Client(user=\"{me_handle}\", email=\"{me_email}\", region=\"eu-{n}\")\nc.{verb}(\"{name}\")\n```", "My git log shows the wrong author:\n\nAuthor: {me} <{me_email}>\n    {verb} the {name}\n\nHow do I change it for {nn} commits?"],
    "o_secret_code": ["The client looks fine, {me_given}; check the region.", "You can rewrite the author."],
    "b_secret_code": ["```bash\ngit config user.email \"{me_email}\"\n```", "Retry with a {adj} timeout of {n} seconds.", "The {name} must exist before you {verb} it.", "Print the {name} once."],
    "f_secret_code": ["Still the same error.", "Works now. {thanks}"],

    "q_letter": ["{please} make this letter more polite:\n\n{me}\n{me_address}\n\nDear Mr {them_family},\n\nthe {thing} you sold me in {month} is broken again. Call me at {me_phone} or write to {me_email}.\n\nYours,\n{me}", "Write a letter from me ({me}, {me_address}) to {them}: I cannot pay the {n} euros for the {thing} before {month}."],
    "o_letter": ["Here is a calmer version:", "Of course. A draft:"],
    "b_letter": ["Dear {them_given} {them_family},", "I bought a {thing} from you in {month}, and it has failed {n} times.", "I would be glad to hear from you at {me_phone}.", "I kindly ask for {n} more weeks.", "You can also reach me at {me_email}.", "With kind regards, {me}"],
    "f_letter": ["Shorter please, and mention {them_given}.", "Can you add that I was born {me_born}?", "{thanks}"],

    "q_mail": ["Answer this for me, {adj} tone:\n\n> From: {them} <{them_email}>\n> To: {me_email}\n> Hi {me_given}, are you coming on {month} {n}? Bring {food}! My new number is {them_phone}.", "Summarise:\n\nFrom: {them_email}\nSubject: {thing}\n\nHello {me_given}, we met in {city}. I still owe you {nn} euros. Greetings from {them_city}, {them_given}"],
    "o_mail": ["Hi {them_given},", "In short: {them} owes you money."],
    "b_mail": ["{month} {n} suits me well.", "I will bring {food} and {food}.", "I saved your number {them_phone}.", "See you soon, {me_given}", "The mail came from {them_email}."],
    "f_mail": ["Say no instead, I am {mood}.", "Is {them_given} a man or a woman?", "{thanks}"],

    "q_cv": ["Improve my CV:\n\n{me} | {me_email} | {me_phone}\n{me_address}\nBorn {me_born}\n\n{job} at {firm}, {n} years. Before that {job}. I speak English and some Greek.", "Cover letter for a {job} at {firm}. I am {me}, {n} years as {job}, from {me_city}."],
    "o_cv": ["A stronger profile, {me_given}:", "Dear hiring team,"],
    "b_cv": ["{^adj} {job} with {n} years at {firm}.", "Led {n} people and {nn} projects.", "Contact: {me_email}, {me_phone}.", "Leave out the date of birth.", "References: {them}, {them_email}."],
    "f_cv": ["Make it one page.", "Would {firm} like that?", "Now in British English."],

    "q_medical": ["I am {nn2} and my {pain} hurts since {month}. The doctor, Dr {them_family}, gave me {drug}.", "Is {drug} safe with {drug}? My blood pressure is {n2}/{nn2}.", "My mother {them_given} forgets names since {month}. She takes {drug}."],
    "o_medical": ["I am no doctor, but here are the usual points.", "That sounds unpleasant."],
    "b_medical": ["{^drug} is often taken with food.", "Keep a diary of the {pain} for {n} days.", "Ask Dr {them_family} about {drug}.", "See someone at once if you faint.", "Gentle movement helps a {pain} more than rest.", "Do not stop {drug} suddenly."],
    "f_medical": ["How much is too much?", "I am {mood} about side effects.", "And alcohol?"],
    "nn2": [str(n) for n in range(19, 91)],
    "n2": [str(n) for n in range(101, 179)],

    "q_landlord": ["My landlord {them} wants {nn} euros more for the {thing} in {me_street}. Is that allowed?", "{^friend} moved out of {me_street} in {month} and {them} keeps the deposit."],
    "o_landlord": ["It depends on your contract.", "Usually not without notice."],
    "b_landlord": ["Ask {them_family} for the bill in writing.", "Keep photos of the {thing}.", "The deposit is due within {n} weeks.", "A {adj} mail to {them_given} often helps.", "The tenants' union in {me_city} can check it."],
    "f_landlord": ["Write that mail.", "What if {them_given} says no?"],

    "q_story": ["A bedtime story about a {adj} {thing} and a {plant} thief.", "Write a poem about {city} in {month}, {adj} but not sad.", "Start a crime story with {food} and a {thing}."],
    "o_story": ["Once there was a {adj} {thing}.", "In {month}, nobody in {city} slept."],
    "b_story": ["It lived between the {plant} and the {thing}.", "Every {n} nights it dreamed of {city}.", "\"Who took my {food}?\" asked the {job}.", "The {job} laughed, {mood} as ever.", "A {adj} wind came from {city}.", "And the {thing} sang of {spice} and {food}.", "Nobody was {mood} any more."],
    "f_story": ["More about the {job}!", "Make it rhyme.", "A happier end, please."],

    "q_translation": ["Translate into Spanish: \"Dear {them_given}, the {thing} arrives in {month}. Call {me_phone}. {me_given}\"", "How do you say \"a {adj} {thing} for {friend}\" in German?"],
    "o_translation": ["Here you go:"],
    "b_translation": ["\"Querida {them_given}, llama al {me_phone}.\"", "The word for {thing} has {n} meanings.", "In a letter you would be more formal."],
    "f_translation": ["And in French?", "Is that formal?"],

    "q_table": ["Make a table of these: {them}, {them_email}, {them_city}; {me}, {me_email}, {me_city}.", "Turn my {data} into a table: {food} {nn}, {food} {nn}, {food} {nn}."],
    "o_table": ["Here is the table."],
    "b_table": ["| name | mail | place |\n|---|---|---|\n| {them} | {them_email} | {them_city} |\n| {me} | {me_email} | {me_city} |", "| item | count |\n|---|---|\n| {food} | {nn} |\n| {food} | {nn} |", "Sort it by the second column."],
    "f_table": ["As CSV please.", "Add a column for {month}."],

    "q_advice": ["{^friend} never calls back and I am {mood}.", "Should I leave {firm} and become a {job}?", "How do I tell {friend} that the {dish} was awful?"],
    "o_advice": ["That is a {adj} question.", "It makes sense to feel {mood}."],
    "b_advice": ["Say one {adj} thing first.", "Give it {n} weeks.", "Write down what a {job} does all day.", "You could ask {friend} directly.", "Nobody minds a {adj} joke about {food}.", "Wait until {month}."],
    "f_advice": ["What if it goes wrong?", "I am still {mood}.", "{thanks}"],

    "q_birthday": ["{them_given} turns {nn2} on {month} {n}. A {adj} speech, please. We met at {firm}.", "Gift ideas for {friend}, loves {plant} and {city}."],
    "o_birthday": ["Dear {them_given},", "Some ideas:"],
    "b_birthday": ["{nn2} years and still so {adj}!", "Do you remember the {thing} in {city}?", "A voucher for {sight}.", "A {adj} {thing} with an engraving.", "Everyone at {firm} raises a glass."],
    "f_birthday": ["Funnier!", "Under {n} euros."],

    "q_repair": ["My {thing} makes a {adj} noise since {month}.", "Error E{n} on the {thing}. {please} help?", "How do I take apart a {thing} with {n} screws?"],
    "o_repair": ["Unplug the {thing} first.", "E{n} is mostly dirt."],
    "b_repair": ["Check the {adj} filter at the back.", "Turn the screw {n} times to the left.", "A new part costs {nn} euros.", "Clean it with vinegar for {time}.", "If it hums, the {thing} gets power.", "Old ones fail after {n} years."],
    "f_repair": ["It still hums.", "Where do I get the part?", "Done! {thanks}"],

    "t_recipe": ["{^adj} {dish}", "{^dish} with {food}"],
    "t_travel": ["Trip to {city}", "{n} days away"],
    "t_homework": ["{^subject}", "Understanding {subject}"],
    "t_garden": ["{^plant} in {month}", "Garden question"],
    "t_spreadsheet": ["{^verb} {data}", "Formula help"],
    "t_code": ["{^lang}: {verb} {data}", "{^verb} {name}"],
    "t_letter": ["Letter to {them}", "The broken {thing}"],
    "t_mail": ["Mail from {them_given}", "Reply to {them}"],
    "t_cv": ["CV of {me}", "Application as {job}"],
    "t_story": ["The {adj} {thing}", "A story"],
    "t_birthday": ["Speech for {them_given}", "Birthday"],
    "t_repair": ["The {thing}", "Repair"],
    "title": ["A {adj} question", "{^mood} in {month}", "Help, please", "{^data}"],
    "about": ["I am {me}, a {job} from {me_city}. I have {n} cats.", "Call me {me_given}. I work at {firm} and hate {spice}.", "I live in {me_city} with {friend} and prefer {adj} answers."],
    "error": ["Sorry, something went wrong."],
    "stop": ["Anything else?", "Tell me if it works.", "Good luck!", "Enjoy!", ""],
})
