"""Small hand-written word lists: demonyms, illnesses, occupations, words of dates, organisations and titles.

They serve twice: as flags that the model sees, and as values for the generator. All of them are lower case.
"""

from __future__ import annotations


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.replace("\n", " ").split(",") if word.strip()]


DEMONYMS = _words("""
american, british, english, scottish, welsh, irish, french, german, italian, spanish, portuguese, dutch, belgian, swiss,
austrian, swedish, norwegian, danish, finnish, icelandic, polish, czech, slovak, hungarian, romanian, bulgarian, greek,
turkish, russian, ukrainian, belarusian, lithuanian, latvian, estonian, serbian, croatian, bosnian, slovenian, macedonian,
albanian, kosovar, maltese, cypriot, georgian, armenian, azerbaijani, kazakh, uzbek, turkmen, kyrgyz, tajik, mongolian,
chinese, japanese, korean, vietnamese, thai, cambodian, laotian, burmese, malaysian, singaporean, indonesian, filipino,
filipina, indian, pakistani, bangladeshi, nepali, nepalese, sri lankan, afghan, iranian, persian, iraqi, syrian, lebanese,
jordanian, palestinian, israeli, saudi, emirati, kuwaiti, qatari, yemeni, omani, egyptian, libyan, tunisian, algerian,
moroccan, sudanese, ethiopian, eritrean, somali, kenyan, ugandan, tanzanian, rwandan, congolese, nigerian, ghanaian, ivorian,
senegalese, cameroonian, angolan, zambian, zimbabwean, south african, namibian, mozambican, malagasy, canadian, mexican,
guatemalan, honduran, salvadoran, nicaraguan, costa rican, panamanian, cuban, jamaican, haitian, dominican, puerto rican,
colombian, venezuelan, ecuadorian, peruvian, bolivian, chilean, argentine, argentinian, uruguayan, paraguayan, brazilian,
australian, new zealander, kiwi, maori, fijian, samoan, tongan, kurdish, tibetan, uyghur, roma, chechen, tatar, basque,
catalan, sami, inuit, cherokee, navajo, hispanic, latino, latina, latinx, chicano, asian, african american, black, white,
caucasian, biracial, mixed race, indigenous, aboriginal, arab, berber, slavic, nordic, jewish, muslim, christian, catholic,
protestant, orthodox, lutheran, baptist, methodist, anglican, mormon, evangelical, pentecostal, buddhist, hindu, sikh, jain,
atheist, agnostic, shia, sunni, ashkenazi, sephardic, quaker, amish, jehovah's witness, gay, lesbian, bisexual, transgender,
nonbinary, heterosexual, queer, trans woman, trans man, divorced, widowed, unmarried, married, single mother, single father,
republican, democrat, socialist, communist, conservative, libertarian, immigrant, refugee, asylum seeker, español, española,
mexicano, mexicana, colombiano, colombiana, argentino, argentina, peruano, ecuatoriana, rumano, rumana, marroquí, boliviana,
venezolano, cubana, chileno, francés, francesa, alemán, alemana, italiano, portuguesa, français, française, allemand, deutsch,
türkisch, brasileiro, brasileira
""")

ILLNESSES = _words("""
mental illness, mental disorder, personality disorder, suicide attempt, attempted suicide, heart attack, learning disability,
back pain, diabetes, type 1 diabetes, type 2 diabetes, asthma, cancer, breast cancer, lung cancer, prostate cancer, leukemia,
lymphoma, melanoma, depression, anxiety, bipolar disorder, schizophrenia, adhd, autism, ptsd, ocd, anorexia, bulimia,
epilepsy, migraine, migraines, multiple sclerosis, parkinson's, alzheimer's, dementia, stroke, hypertension, high blood
pressure, heart failure, arrhythmia, atrial fibrillation, angina, pneumonia, bronchitis, copd, tuberculosis, hiv, aids,
hepatitis b, hepatitis c, cirrhosis, crohn's disease, ulcerative colitis, ibs, celiac disease, gastritis, gout, arthritis,
rheumatoid arthritis, osteoporosis, fibromyalgia, lupus, psoriasis, eczema, endometriosis, pcos, miscarriage, pregnant,
pregnancy, menopause, infertility, erectile dysfunction, chlamydia, herpes, syphilis, gonorrhea, covid, long covid, influenza,
sepsis, anemia, hemophilia, sickle cell disease, cystic fibrosis, down syndrome, cerebral palsy, kidney failure, kidney
stones, dialysis, hypothyroidism, hyperthyroidism, obesity, insomnia, sleep apnea, vertigo, tinnitus, glaucoma, cataracts,
deaf, blind, wheelchair, amputation, fracture, concussion, appendicitis, hernia, sciatica, scoliosis, burnout, addiction,
alcoholism, opioid use disorder, overdose, self-harm, suicidal, panic attacks, chemotherapy, radiotherapy, biopsy, mastectomy,
hysterectomy, abortion, insulin, metformin, lisinopril, sertraline, fluoxetine, xanax, adderall, lithium, methadone,
oxycodone, ibuprofen, warfarin, prednisone, methotrexate, levothyroxine, diabetes mellitus, hipertensión arterial, asma
bronquial, carcinoma, cáncer de mama, tuberculosis pulmonar, insuficiencia renal, cardiopatía isquémica, neumonía, anemia
ferropénica, artritis reumatoide, epilepsia, depresión, ansiedad, embarazo, diabète, cancer du sein, dépression, krebs,
depressionen, bluthochdruck, schlaganfall, asma, depressão
""")

OCCUPATIONS = _words("""
solicitor, barrister, magistrate, detective, probation officer, prison officer, police constable, company director,
shopkeeper, student, law student, trainee, civil engineer, taxi owner, bank clerk, union leader, member of parliament, deputy,
publisher, columnist, teacher, nurse, doctor, lawyer, engineer, software engineer, software developer, data scientist,
accountant, plumber, electrician, carpenter, mechanic, truck driver, bus driver, taxi driver, uber driver, pilot, flight
attendant, chef, cook, waiter, waitress, bartender, barista, cashier, salesperson, sales manager, store manager, project
manager, product manager, receptionist, secretary, paralegal, judge, prosecutor, police officer, firefighter, paramedic,
soldier, army officer, marine, sailor, fisherman, farmer, gardener, butcher, baker, tailor, hairdresser, barber, beautician,
tattoo artist, journalist, reporter, editor, photographer, filmmaker, actor, actress, musician, guitarist, drummer, singer,
dancer, painter, sculptor, architect, interior designer, graphic designer, librarian, archivist, historian, professor,
lecturer, researcher, phd student, postdoc, physicist, chemist, biologist, geologist, mathematician, statistician, economist,
banker, stockbroker, financial analyst, insurance agent, auditor, real estate agent, property manager, social worker,
psychologist, psychiatrist, therapist, physiotherapist, dentist, pharmacist, surgeon, cardiologist, oncologist, pediatrician,
midwife, veterinarian, vet tech, radiologist, anesthesiologist, dermatologist, caregiver, nanny, babysitter, housekeeper,
cleaner, janitor, security guard, prison guard, social media manager, influencer, consultant, recruiter, hr manager, ceo, cto,
cfo, founder, entrepreneur, freelancer, translator, interpreter, tour guide, priest, pastor, imam, rabbi, nun, monk,
politician, mayor, senator, councillor, diplomat, ambassador, civil servant, postman, mail carrier, warehouse worker, factory
worker, machinist, welder, miner, roofer, bricklayer, construction worker, surveyor, astronaut, athlete, footballer, coach,
personal trainer, yoga instructor, referee, jeweller, watchmaker, locksmith, funeral director, beekeeper, zookeeper,
sommelier, radio host, podcaster, youtuber, game developer, devops engineer, network administrator, profesora, profesor,
médico, enfermera, abogado, abogada, ingeniero, albañil, camarero, camionero, jubilado, ama de casa, agricultor, carpintero,
electricista, professeur, infirmière, avocat, ingénieur, lehrer, lehrerin, krankenschwester, rechtsanwalt, ingenieur,
professora, advogado, enfermeira, insegnante, avvocato, infermiera, leraar, verpleegkundige
""")

DATE_WORDS = _words("""
january, february, march, april, may, june, july, august, september, october, november, december, jan, feb, mar, apr, jun,
jul, aug, sep, sept, oct, nov, dec, monday, tuesday, wednesday, thursday, friday, saturday, sunday, mon, tue, tues, wed, thu,
thurs, fri, sat, enero, febrero, marzo, abril, mayo, junio, julio, agosto, septiembre, octubre, noviembre, diciembre, lunes,
martes, miércoles, jueves, viernes, sábado, domingo, janvier, février, mars, avril, mai, juin, juillet, août, septembre,
octobre, novembre, décembre, lundi, mardi, mercredi, jeudi, vendredi, samedi, dimanche, januar, februar, märz, juni, juli,
oktober, dezember, montag, dienstag, mittwoch, donnerstag, freitag, samstag, sonntag, gennaio, febbraio, aprile, maggio,
giugno, luglio, settembre, ottobre, dicembre, janeiro, fevereiro, março, maio, junho, julho, setembro, outubro, novembro,
dezembro, januari, februari, maart, mei, augustus, christmas, easter, ramadan, hanukkah, thanksgiving, halloween, diwali,
yesterday, today, tomorrow, tonight
""")

ORG_WORDS = _words("""
inc, ltd, llc, llp, corp, co, plc, gmbh, ag, sa, srl, bv, nv, oy, ab, kg, spa, pty, company, corporation, incorporated,
limited, group, holdings, partners, associates, industries, enterprises, solutions, systems, technologies, labs, laboratories,
bank, insurance, university, college, school, academy, institute, hospital, clinic, church, mosque, synagogue, temple,
ministry, department, agency, council, committee, commission, court, tribunal, police, foundation, association, union,
federation, society, club, league, fc, party, airlines, motors, pharma, pharmaceuticals, media, press, news, times, studios,
records, restaurant, cafe, hotel, universidad, hospital, clínica, colegio, instituto, ayuntamiento, universität, klinikum,
université, hôpital, ospedale, università, universidade, escola
""")

TITLES = _words("""
mr, mrs, ms, miss, mx, dr, prof, professor, sir, madam, lady, lord, dame, rev, reverend, father, sister, brother, captain,
capt, colonel, col, major, sergeant, sgt, lieutenant, lt, general, judge, justice, senator, president, chancellor, minister,
king, queen, prince, princess, uncle, aunt, auntie, grandma, grandpa, dear, hi, hello, hey, sr, sra, srta, don, doña, d, dña,
dra, herr, frau, monsieur, madame, mme, mlle, signor, signora, senhor, senhora, dhr, mevr, pan, pani, coach
""")

COUNTRY_EXTRAS = _words("""
usa, uk, us, u, england, scotland, wales, britain, america, europe, asia, africa, russia, korea, iran, syria, vietnam,
holland, uae, españa, méxico, alemania, francia, italia, deutschland, österreich, schweiz, allemagne, espagne, suisse,
belgique, brasil, türkiye, nyc, la, sf, dc, california, texas, florida, bavaria, catalonia, ontario, quebec, queensland,
punjab, kerala, gujarat
""")
