"""Hand-written values of the generator: well-known firms, products, works, events, and a few words of other languages."""

from __future__ import annotations


def _list(text: str) -> list[str]:
    return [item.strip() for item in text.replace("\n", " ").split(",") if item.strip()]


ORGS = _list("""
Google, Microsoft, Apple, Amazon, Meta, Facebook, Twitter, Netflix, Uber, Lyft, Airbnb, Tesla, SpaceX, IBM, Intel, Nvidia,
AMD, Oracle, SAP, Adobe, Salesforce, PayPal, Stripe, Visa, Mastercard, Goldman Sachs, JPMorgan, Morgan Stanley, Deutsche Bank,
HSBC, Barclays, Santander, BBVA, Wells Fargo, Bank of America, Citibank, Chase, Walmart, Target, Costco, Ikea, Tesco, Aldi,
Lidl, Carrefour, McDonald's, Starbucks, Subway, KFC, Burger King, Domino's, Coca-Cola, Pepsi, Nestlé, Unilever, Procter &
Gamble, Nike, Adidas, Puma, Zara, H&M, Toyota, Honda, Ford, BMW, Volkswagen, Mercedes, Audi, Hyundai, Samsung, Sony, LG,
Huawei, Xiaomi, Nokia, Siemens, Bosch, Philips, Pfizer, Moderna, Novartis, Roche, Bayer, Johnson & Johnson, NHS, CVS,
Walgreens, Kaiser Permanente, Blue Cross, UN, UNICEF, WHO, NATO, EU, European Commission, FBI, CIA, NSA, IRS, DMV, NASA, FDA,
CDC, World Bank, IMF, Red Cross, Greenpeace, Amnesty International, BBC, CNN, Fox News, NBC, ABC, The New York Times,
Washington Post, The Guardian, Reuters, Bloomberg, Al Jazeera, Harvard, MIT, Stanford, Oxford, Cambridge, Yale, Princeton,
UCLA, NYU, Manchester United, Real Madrid, Barcelona, Liverpool, Arsenal, Chelsea, Bayern, Juventus, Lakers, Celtics, Yankees,
Red Sox, Cowboys, Patriots, FIFA, UEFA, NBA, NFL, IOC, Metallica, Coldplay, Radiohead, Nirvana, Fleetwood Mac, OpenAI,
Anthropic, DeepMind, Spotify, TikTok, Instagram, Snapchat, Reddit, Discord, Telegram, WhatsApp, Zoom, Slack, Dropbox, GitHub,
Comcast, Verizon, AT&T, T-Mobile, Vodafone, Delta, United Airlines, Ryanair, Lufthansa, British Airways, Emirates, FedEx, UPS,
DHL, USPS, Shell, BP, ExxonMobil, Gazprom, Marriott, Hilton, Disney, Pixar, Warner Bros, Universal, Marvel, Nintendo, Sega,
Ubisoft, Blizzard, Home Depot, Best Buy, eBay, Alibaba, Tencent, Democratic Party, Republican Party, Labour, Conservative
Party, Congress, Senate, House of Representatives, Parliament, Supreme Court, Home Office, Ministry of Justice, Department of
Education, Department of Homeland Security, Scotland Yard, Interpol, Europol
""")
PRODUCTS = _list("""
iPhone 14, iPhone, iPad, MacBook Pro, AirPods, Galaxy S22, Pixel 7, PlayStation 5, PS5, Xbox, Nintendo Switch, Kindle, Echo
Dot, Alexa, Siri, Roomba, Dyson V11, Tesla Model 3, Toyota Corolla, Honda Civic, Ford F-150, Photoshop, Excel, PowerPoint,
Word, Windows 10, Windows 11, Android, Ubuntu, Minecraft, Fortnite, Call of Duty, GTA V, Zelda, FIFA 23, ChatGPT, Copilot,
Gmail, Outlook, Chrome, Firefox, Python, Java, JavaScript, Docker, Kubernetes, Excel 2016, Nutella, Red Bull, Oreo, Tylenol,
Botox, GoPro, Fitbit, Instant Pot, Jeep Wrangler
""")
WORKS = _list("""
Harry Potter, The Lord of the Rings, Game of Thrones, Star Wars, Breaking Bad, Friends, The Office, Stranger Things, Titanic,
Inception, The Matrix, Frozen, Hamlet, Macbeth, Romeo and Juliet, The Great Gatsby, To Kill a Mockingbird, Moby Dick, Pride
and Prejudice, War and Peace, Don Quixote, The Odyssey, The Bible, The Simpsons, South Park, Naruto, One Piece, Bohemian
Rhapsody, Thriller, Yesterday, Imagine, Hotel California, The Godfather, Pulp Fiction, Avatar, Toy Story, The Lion King, Dune,
Twilight, The Hunger Games, Sherlock, Black Mirror
""")
EVENTS = _list("""
the World Cup, the Olympics, the Super Bowl, Coachella, Glastonbury, Comic-Con, the Met Gala, the Oscars, the Grammys,
Wimbledon, Eurovision, World War II, World War I, the Cold War, the Civil War, the French Revolution, the Vietnam War,
Oktoberfest, Burning Man, Black Friday, the Tour de France, Mardi Gras, Pride Parade, Woodstock, the Battle of Hastings,
Hurricane Katrina
""")
LANGUAGES = _list("""
English, Spanish, French, German, Italian, Portuguese, Dutch, Russian, Arabic, Hindi, Urdu, Mandarin, Japanese, Korean,
Turkish, Polish
""")
COURTS = _list("""
Regional Court, District Court, Court of Appeal, Constitutional Court, Supreme Court, Magistrates' Court, County Court, High
Court, Assize Court, Administrative Court, Court of Cassation, Crown Court, Labour Court, Prison Board, Public Prosecutor's
Office, Court of First Instance
""")
MONTHS = _list("""
January, February, March, April, May, June, July, August, September, October, November, December
""")
DAYS = _list("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday")
MONTHS_ES = _list("""
enero, febrero, marzo, abril, mayo, junio, julio, agosto, septiembre, octubre, noviembre, diciembre
""")
ILLNESSES_ES = _list("""
diabetes mellitus, hipertensión arterial, asma bronquial, cáncer de mama, carcinoma de colon, tuberculosis pulmonar,
insuficiencia renal, cardiopatía isquémica, neumonía, anemia ferropénica, artritis reumatoide, epilepsia, depresión, ansiedad,
fractura de cadera, apendicitis, cefalea, dolor abdominal, fiebre, hepatitis C, VIH, esclerosis múltiple, glaucoma, catarata,
litiasis renal, embarazo, celiaquía, lupus
""")
JOBS_ES = _list("""
profesora, profesor, médico, enfermera, abogado, ingeniero, albañil, camarero, camionero, jubilado, ama de casa, agricultor,
carpintero, electricista, administrativa, estudiante, ganadero, pescador, peluquera, cocinero, militar, funcionaria,
periodista, conductor de autobús
""")
DEMONYMS_ES = _list("""
varón, mujer, mexicano, colombiana, argentino, peruano, ecuatoriana, rumano, marroquí, boliviana, venezolano, español,
española
""")
JOBS_FR = _list("""
professeur, infirmière, avocat, ingénieur, boulanger, vendeuse, médecin, plombier, comptable, journaliste, étudiante
""")
DRUGS = _list("""
insulin, metformin, lisinopril, sertraline, fluoxetine, Xanax, Adderall, lithium, methadone, oxycodone, ibuprofen, warfarin,
prednisone, methotrexate, levothyroxine, amoxicillin, paracetamol, omeprazol, enalapril, atorvastatin, Prozac, Zoloft,
Ozempic, Viagra, penicilina, metamizol
""")
VERBS = _list("""
Led, Built, Managed, Designed, Created, Improved, Organised, Developed, Trained, Wrote, Reduced, Increased, Fix, Add, Update,
Remove, Refactor
""")
ACRONYMS = _list("""
PDF, FAQ, API, HTML, CSS, JSON, SQL, ASAP, FYI, DIY, CEO, HR, IT, TV, DVD, GPS, USB, CPU, GPU, RAM, AI, ML, LLM, NLP, GDP,
VAT, PIN, ATM, ID, URL, FBI agent, OK, LOL, OMG, BTW, IMO, TBD, RSVP, BMI, ECG, MRI, CT, ICU, DNA, RNA, PTO, KPI, ROI, B2B,
SEO, MVP, PPT, CSV, XML, HTTP, DNS, VPN, IP, NBA game, PS, CC, RE, FW, AM, PM, HTA, TAC, IAM
""")
LANDS = _list("""
US, U.S., USA, UK, U.K., EU, UAE, the US, the UK, the United States, the Netherlands, England, Scotland, Wales, America,
Europe, Asia, Africa, the Middle East, Korea, Russia, Vietnam
""")
#: States as sentences name them; lower-cased, the first of them is the commonest name that is also a pronoun.
STATES = _list("the US, the US, the US, US, the U.S., the USA, USA, the UK, the States, the United States")
TRADES = _list("""
auto, auto repair, tires, garage, dental, dentist, vet, pet care, salon, hair studio, nails, spa, gym, fitness, yoga, dance
studio, pizza, grill, diner, cafe, coffee house, bakery, deli, steakhouse, sushi, tacos, noodle bar, brewery, pub, tavern,
catering, florist, flowers, plumbing, roofing, painting, heating, cleaners, carpet cleaning, pest control, storage, movers,
realty, insurance, mortgage, law office, accounting, photography, printing, computers, electronics, furniture, mattress,
books, toys, crafts, jewelers, optical, pharmacy, medical, chiropractic, physical therapy, daycare, preschool, tutoring, music
school, motel, inn, suites, lodge, resort, travel, rentals, towing, marina, golf club, bowling, theatre, gallery, antiques,
hardware, landscaping, nursery, farm, feed store, kennels, grooming, boutique, bridal, shoes, outfitters, market, grocery, liquors
""")
COUNTRIES_ES = _list("""
España, España, España, México, Argentina, Colombia, Chile, Perú, Cuba, Ecuador, EE.UU., Estados Unidos, Marruecos, Rumanía,
Brasil, Venezuela, Bolivia, Francia, Alemania, Italia
""")
