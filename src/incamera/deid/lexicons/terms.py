"""Closed word classes by hand: titles, kin, months, numbers, units, what describes a person, what names a body.

Lower case, several languages in one set: a class is asked only in a context that makes it mean what it says.
"""

from __future__ import annotations


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: A name follows ("mr smith").
TITLES = _set("""
mr mrs ms miss mx dr prof professor sir madam lord lady dame rev reverend fr father judge justice hon captain capt col
colonel sgt sergeant lt lieutenant officer detective inspector senator president king queen prince princess pope rabbi imam
sr sra srta don doña dn dña dra herr frau fräulein monsieur madame mme mlle mm signor signora sig dott dottssa senhor senhora
dhr mevr meneer mevrouw señor señora señorita
""")

#: A name follows if what follows is not an ordinary word ("dear hannah").
VOCATIVES = _set("""
dear hi hello hey hola estimado estimada querido querida bonjour cher chère liebe lieber hallo ciao caro cara gentile
olá prezado prezada beste thanks thank cheers regards sincerely atentamente saludos cordialement gruß grüße
""")

#: A name stands right after, in whatever case ("my name is ...", "i'm called ...").
INTRODUCERS = (
    ("name", "is"), ("names", "are"), ("name", "s"), ("call", "me"), ("named",), ("called",), ("name",), ("nombre", "es"),
    ("me", "llamo"), ("se", "llama"), ("llamado",), ("llamada",), ("je", "m", "appelle"), ("appelle",), ("heiße",), ("heisse",),
    ("heißt",), ("mi", "chiamo"), ("chiama",), ("me", "chamo"), ("username",), ("nickname",), ("surname",), ("firstname",),
    ("lastname",), ("apellidos",), ("apellido",), ("nombre",), ("nom",), ("prénom",), ("vorname",), ("nachname",), ("cognome",),
)  # fmt: skip

KIN = _set("""
mother father mom mum dad mommy daddy parents parent son daughter brother sister siblings sibling wife husband spouse
girlfriend boyfriend fiancé fiancée fiance fiancee uncle aunt cousin nephew niece grandmother grandfather grandma grandpa
grandson granddaughter stepfather stepmother stepson widow widower ex-wife ex-husband twin twins
padre madre padres hijo hija hijos hermano hermana hermanos hermanas esposa esposo marido mujer pareja tío tía primo prima
abuelo abuela abuelos abuelas nieto nieta sobrino sobrina novio novia materna materno paterna paterno familia familiar familiares gemelos gemela
mère père fils fille frère sœur mari femme oncle tante mutter vater sohn tochter bruder schwester ehemann ehefrau
""")

MONTHS = _set("""
january february march april may june july august september october november december jan feb mar apr jun jul aug sep sept
oct nov dec enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre janvier
février mars avril mai juin juillet août septembre octobre novembre décembre januar februar märz mai juni juli oktober
dezember gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre janeiro fevereiro março maio junho julho
setembro outubro dezembro januari februari maart mei augustus
""")
WEEKDAYS = _set("""
monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat lunes martes miércoles
jueves viernes sábado domingo lundi mardi mercredi jeudi vendredi samedi dimanche montag dienstag mittwoch donnerstag
freitag samstag sonntag lunedì martedì mercoledì giovedì venerdì sabato segunda-feira terça-feira
""")
#: Months and days that are other words too: a date only beside a number, or capitalised.
WEAK_DATES = _set("may march mar mars mon sun sat wed fri dec jan jun aug august mai mei martes sabato domingo marzo")

NUMBER_WORDS = _set("""
one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion dozen half several few couple
first second third fourth fifth sixth seventh eighth ninth tenth
uno una dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince veinte treinta cuarenta cincuenta
un une deux trois quatre cinq sept huit neuf dix ein eine zwei drei vier fünf sechs sieben acht neun zehn
""")
TIME_UNITS = _set("""
second seconds minute minutes hour hours day days night nights week weeks fortnight month months year years decade decades
century centuries año años mes meses día días semana semanas hora horas minuto minutos an ans année années mois semaine
semaines jour jours heure heures jahr jahre jahren monat monate monaten woche wochen tag tage tagen stunde stunden
yrs yr mos mths wks hrs mins
""")

#: Nationalities, peoples, religions, orientation, politics: what GDPR Article 9 protects, and what singles out.
DEMOGRAPHIC = _set("""
american british english scottish welsh irish french german italian spanish portuguese dutch belgian swiss austrian polish
czech slovak hungarian romanian bulgarian greek turkish russian ukrainian belarusian lithuanian latvian estonian finnish
swedish norwegian danish icelandic serbian croatian bosnian slovenian macedonian albanian georgian armenian azerbaijani
kazakh uzbek chechen kurdish iranian iraqi syrian lebanese israeli palestinian jordanian saudi yemeni egyptian libyan
tunisian algerian moroccan sudanese ethiopian somali kenyan nigerian ghanaian ugandan tanzanian rwandan congolese
zimbabwean zambian angolan mozambican namibian african indian pakistani bangladeshi nepali nepalese afghan lankan chinese
japanese korean taiwanese vietnamese thai cambodian laotian malaysian indonesian filipino burmese mongolian tibetan
australian canadian mexican guatemalan honduran salvadoran nicaraguan panamanian colombian venezuelan ecuadorian
peruvian bolivian chilean argentinian argentine uruguayan paraguayan brazilian cuban jamaican haitian dominican hispanic
latino latina latinx asian european scandinavian arab arabic jewish jew jews muslim muslims islamic islam christian
christians christianity catholic catholics protestant orthodox hindu hindus sikh sikhs buddhist buddhists atheist mormon
quaker roma romani gypsy aboriginal maori caucasian gay lesbian bisexual transgender homosexual heterosexual queer
republican democrat communist socialist conservative maltese cypriot cypriots moldovan turks turk russians germans poles
swede swedes danes scots americans australians canadians mexicans italians spaniards greeks romanians hungarians
español española españoles francés francesa alemán alemana inglés inglesa italiano italiana portugués portuguesa rumano
rumana marroquí ecuatoriano ecuatoriana colombiano colombiana peruano peruana argentino argentina boliviano boliviana
chino china ruso rusa cubano cubana mexicano mexicana brasileño brasileña senegalés gitano gitana musulmán musulmana
inuit sami berber pashtun uyghur tutsi hutu yoruba igbo zulu xhosa hausa basque breton kurds romany yazidi druze
anglican baptist lutheran calvinist methodist presbyterian pentecostal evangelical jehovah shia sunni ismaili ahmadi bahai
jain zoroastrian wiccan hasidic agnostic scientologist pansexual asexual nonbinary lgbt lgbtq intersex transsexual lesbians gays
marxist anarchist fascist trotskyist libertarian monarchist unionist unionists
católico católica judío judía evangélico evangélica ateo atea lesbiana homosexuales comunista socialista sindicalista
musulmane musulmans juif juive juifs catholique chrétien chrétienne athée homosexuel homosexuelle lesbienne communiste
socialiste syndicaliste syndiqué syndiquée katholisch evangelisch muslimisch jüdisch jüdin muslimin schwul lesbisch
bisexuell homosexuell transsexuell kommunist sozialist gewerkschafter gewerkschafterin gewerkschaftsmitglied
cattolico cattolica ebreo ebrea musulmano musulmana ateo omosessuale lesbica bisessuale transessuale comunista sindacalista
judeu judia muçulmano muçulmana evangélica ateu lésbica bissexual sindicalizado sindicalizada
""")

SEX = _set("varón hombre niña niño mujer masculino femenino masculina femenina male female")

OCCUPATIONS = _set("""
accountant actor actress architect artist attorney baker banker barber bartender bricklayer butcher carpenter cashier chef
chemist clerk consultant cook counsellor dentist designer detective developer diplomat doctor driver economist editor
electrician engineer farmer firefighter fisherman florist gardener guard hairdresser housewife janitor journalist judge
laborer labourer lawyer lecturer librarian lieutenant magistrate manager mayor mechanic midwife miner minister musician
nurse officer optician painter paramedic pastor pharmacist photographer physician pilot plumber policeman policewoman
policeman politician postman priest principal prosecutor psychiatrist psychologist receptionist reporter researcher
retired sailor salesman salesperson scientist sculptor secretary shopkeeper singer social-worker soldier solicitor student
surgeon surveyor tailor teacher technician therapist translator trader unemployed vet veterinarian waiter waitress welder
writer businessman businesswoman entrepreneur pensioner colonel barrister notary bailiff
agricultor albañil abogado abogada profesor profesora ingeniero ingeniera médico médica enfermero enfermera jubilado
jubilada camarero camarera conductor maestro maestra estudiante pintor carpintero ganadero minero mecánico
""")

HEALTH = _set("""
cancer tumour tumor leukemia leukaemia lymphoma melanoma carcinoma diabetes diabetic hiv aids hepatitis tuberculosis
asthma epilepsy epileptic dementia alzheimer parkinson stroke anorexia bulimia depression depressed anxiety bipolar
schizophrenia schizophrenic adhd autism autistic ptsd psychosis alcoholism alcoholic addiction overdose suicide suicidal
pregnant pregnancy abortion miscarriage infertility chemotherapy dialysis transplant syphilis herpes chlamydia gonorrhea
covid sclerosis lupus arthritis fibromyalgia hypertension obesity disabled disability wheelchair blind deaf
diabético diabética vih sida asma epilepsia demencia esquizofrenia autismo embarazada embarazo aborto discapacidad alcohólico
diabète diabétique séropositif séropositive asthme épilepsie démence schizophrénie autisme enceinte grossesse avortement handicapé
krebs brustkrebs diabetiker diabetikerin tuberkulose epilepsie demenz depressionen schizophrenie autismus schwanger schwangerschaft
abtreibung behinderung behindert diabete sieropositivo sieropositiva schizofrenia incinta gravidanza disabile
câncer diabetes grávida gravidez deficiência esquizofrenia depressão
""")

#: Genetic data, and data that tell a body from all others: GDPR Article 9 names them beside health. Labelled HEALTH as well.
GENETIC, BIOMETRIC = (
    _set("""
dna adn genotype genotypes karyotype karyotypes haplogroup haplogroups haplotype brca trisomy homozygous heterozygous
thalassemia hemophilia haemophilia hemochromatosis gentest erbkrankheit
genotipo cariotipo trisomía hemofilia génotype caryotype trisomie hémophilie genotyp karyotyp genótipo cariótipo trissomia
"""),
    _set("""
biometric biometrics fingerprint fingerprints fingerprinted palmprint voiceprint voiceprints faceprint dactilar dactilares
biométrico biométrica biométricos biométricas biométrique biométriques biometrisch biometrische biometrischen fingerabdruck
fingerabdrücke biometrico biometrica biometrici biometriche
"""),
)

#: Trades by their last word ("benefits adviser"); plurals are looked through.
TRADES = _set("""
administrator adviser advisor agent ambassador analyst apprentice assistant assessor attendant auctioneer auditor author bailiff broker builder
caretaker chairman chairwoman chancellor chief cleaner coach commander commissioner compositor conductor constable contractor controller coordinator
coroner courier curator dealer decorator delegate deputy director dispatcher docker doorman employee estimator examiner executive expert fitter
foreman geologist governor grocer handyman historian inspector installer instructor interpreter joiner lab-technician labourer landlord landlady
lieutenant linguist machinist maid mason mediator mp negotiator operator optometrist orthodontist owner paralegal physicist
physiotherapist planner porter practitioner producer programmer proofreader registrar representative scholar specialist
statistician steward stockbroker supervisor surveyor trainee trainer typist undertaker underwriter usher warden watchman worker
""")

#: What follows a people's name, an illness or a place and belongs to it.
NATIONAL_NOUNS = _set(
    "citizen citizens national nationals nationality citizenship origin descent dollar dollars government army embassy refugee refugees resident residents speaker speakers"
)
PLACE_NOUNS = _set("""
village city town county district province region state river lake island islands airport station street road square bridge harbour harbor port
beach bay valley mountain mountains park hotel hospital university college school church prison camp area building hills hill
""")
ILL_BEFORE = _set(
    "mental psychiatric severe moderate chronic acute manic terminal clinical physical psychological attempted drug alcohol heavy personality traumatic stress bipolar panic eating learning breast lung prostate skin brain heart liver kidney"
)
ILL_NOUNS = _set(
    "illness illnesses disorder disorders disease diseases disability injury injuries impairment depression anxiety addict addiction abuse misuse dependence attack failure problems condition overdose suicide trauma pain disfigurement delusions hallucinations retardation"
)

#: Words a date or a span of time may run through or begin with.
DATE_BETWEEN = _set(
    "and to or until till at on in of the a approximately about around from between through y al de del el la hasta und bis et au - –"
)
DATE_BEFORE = _set("""
early mid late beginning start end middle morning afternoon evening night summer autumn winter spring fall period between around approximately about almost
nearly over least than more less within next last past previous following same some another further first second month week year date
""")

#: Words that make a run of capitals an organisation, and end it.
ORG_WORDS = _set("""
inc ltd llc plc corp corporation company co gmbh ag sa srl spa bv nv oy ab as kg university college school institute academy
hospital clinic court tribunal ministry department office agency bank church council committee commission association
foundation union federation league society club party police prison parliament senate assembly congress board authority
service services group holdings partners solicitors chambers museum library theatre theater institut université hospital
universidad clínica complejo centro servicio facultad instituto ministerio departamento consejería ayuntamiento
""")

STREET_WORDS = _set("""
street st avenue ave road rd boulevard blvd lane ln drive dr court ct place pl square sq terrace way parkway pkwy highway hwy
circle cir crescent close route alley
""")

#: Small words a name may run through: "Ministry of the Interior", "Vincent van Gogh".
CONNECTORS = _set(
    "of the for de la las los del di da do dos das du des le van von der den ten ter zu zum y e i al el bin ibn ben and & et und op en"
)

#: Tools, formats and parts of a text that everybody writes with capitals: they say nothing about a person.
SAFE_CAPITALS = _set("""
i ok ai api app apps bmi bpm ceo cfo cto cpu css csv cv cvs diy dns dvd eta etc faq ftp gdp gif gpa gps gpt chatgpt gpu
gui hr html http https ide iot ip iq iso it json kpi lan led llm ml mri mvp nlp no ocr oop os pc pdf phd php pin png
pm pr qa ram rest rgb rna roi rpg sdk seo sms smtp sop sql ssh ssl tcp tls tv ui un uri url usb utc utf ux vpn vr wifi xml yaml
python java javascript typescript linux windows excel word powerpoint internet english android bluetooth git docker
kubernetes react node bash unix ascii unicode markdown latex jpeg jpg svg
am pm bc ad tl dr fyi asap lol omg wtf btw imo imho idk lmao rofl smh tbh rt dm
mr mrs ms miss sir madam
note step question answer example chapter part section article rule figure table page volume paragraph annex appendix
""")

#: Firms, brands, bodies and programmes that are spoken of in lower case too.
BRANDS = _set("""
google facebook amazon microsoft apple netflix twitter instagram youtube tiktok snapchat whatsapp telegram discord reddit linkedin pinterest
tumblr wikipedia yahoo bing gmail hotmail outlook skype zoom slack github gitlab samsung sony nintendo xbox playstation pokemon disney pixar
marvel intel nvidia amd ibm oracle cisco dell lenovo huawei xiaomi nokia motorola tesla toyota honda ford bmw audi mercedes volkswagen nissan
hyundai kia boeing airbus uber lyft airbnb ebay paypal walmart costco ikea starbucks mcdonalds kfc subway nike adidas puma gucci prada zara
sephora lego barbie nestle pepsi heineken budweiser visa mastercard citibank hsbc barclays santander chase citigroup jpmorgan enron lufthansa
ryanair easyjet delta verizon vodafone comcast firefox chrome safari ipad iphone ipod macbook kindle alexa siri openai anthropic chatbot spotify
nasa fbi cia nsa nato fifa uefa nfl nba nhl mlb nascar ufc wwe espn bbc cnn nbc cbs abc mtv hbo pbs npr reuters opec unesco unicef interpol
gop dnc isis hamas hezbollah taliban mossad kgb scotus nhs nypd lapd usps fedex ups dhl fda cdc epa irs icc imf wto eu usa uk uae ussr prc
""")

#: What a number may belong to without saying anything about a person ("Article 6", "step 3", "§ 41").
REFERENCE_WORDS = _set("""
article articles art section sections sec rule rules paragraph paragraphs para paras chapter chapters figure fig table page
pages step steps part parts phase level version v volume vol option question questions q point points item items exercise example
§ §§ protocol annex appendix schedule clause line lines python row rows column col season episode grade stage top tip tips
day week artículo figura tabla apartado capítulo página grado estadio nivel series http error status code type
""")

KEYWORDS_OF_CODE = _set("""
def func fn int str bool const var elif else endif foreach async await struct enum impl pub mut println printf sprintf strlen
stdin stdout stderr argv argc len dict tuple init self cls args kwargs lambda nonlocal yield namespace typedef sizeof void
char uint ulong ushort bigint varchar nullable foreign sql mysql sqlite postgres cout cin endl iostream stdio stdlib malloc
calloc free nullptr npm pip conda numpy np pandas pd plt matplotlib sklearn tensorflow tf pytorch keras div href src img
svg css html xml json yaml yml toml csv px rgb rgba hex hsl onclick onload innerhtml getelementbyid addeventlistener
queryselector jquery ajax param params req res ctx cfg config env tmp temp idx num val ptr buf fmt util utils lib libs
eslint webpack babel vue tsx jsx regex str2 std vec hashmap arr obj
""")


#: Words that hold sentences together; capitalised they open one, and never make a name.
FUNCTION_WORDS = _set("""
the a an and or but nor so yet if then else when while where who whom whose which what why how that this these those there here i me my mine myself
you your yours yourself he him his himself she her hers herself it its itself we us our ours ourselves they them their theirs themselves
is am are was were be been being do does did done doing have has had having will would shall should can could may might must ought
not no yes of in on at by for with from to into onto upon about above below under over between among through during before after since until against
without within along across behind beyond near off out up down as than like such same other another each every either neither both all any some many
much more most few less least own only just also too very really quite rather still even ever never always often again once already now soon later
because although though however therefore thus hence whether unless except despite instead per via let lets s t d ll re ve m don didn doesn isn wasn
one two three first last next new old good great well back get got go going went come came make made take took see saw say said says know think want use
el la los las un una unos unas y o pero si no que quien cual cuando donde como de del al a en con por para sin sobre entre desde hasta se su sus le les lo
me te nos mi mis tu tus es son era fue ser estar está están ha han había hay muy más menos ya también este esta estos estas ese esa eso esto
le la les un une des du de et ou mais où donc or ni car ne pas plus que qui quoi dont ce cet cette ces il elle ils elles je tu nous vous on se sa son ses
mon ma mes ton ta tes leur leurs est sont était être a ont avoir fait au aux en dans par pour sur avec sans sous chez vers si très aussi bien comme
der die das den dem des ein eine einen einem einer und oder aber wenn dass weil als wie wo wer was ist sind war waren sein hat haben hatte wird werden
nicht kein keine ich du er sie es wir ihr mich mir dich dir sich uns euch mein meine dein ihre unser zu im in an am auf aus bei mit nach von vom vor für über unter durch
il lo la i gli le un uno una e o ma se che chi cui non di del della dei delle da dal in nel nella con su per tra fra è sono era essere ha hanno avere mi ti si ci vi
o os as um uma uns umas e ou mas se que não de do da dos das em no na nos nas com por para sem sobre é são foi ser ter tem ele ela eles elas eu você
""")

#: Surnames and single names of public figures that no register of common names holds.
FIGURES = _set("""
trump putin obama biden clinton bush reagan nixon kennedy lincoln merkel macron sarkozy berlusconi thatcher churchill hitler stalin lenin mao gandhi mandela
zelensky erdogan netanyahu arafat saddam gaddafi mubarak assad khomeini khamenei bolsonaro lula castro maduro chavez modi xi kim musk bezos zuckerberg
gates jobs buffett snowden assange einstein newton darwin freud marx nietzsche shakespeare mozart beethoven bach picasso warhol hemingway rowling tolkien
messi ronaldo neymar mbappe beckham zidane lebron kobe shaq federer nadal djokovic serena bolt phelps kaepernick mcgregor mayweather
beyonce beyoncé rihanna drake eminem kanye kardashian jenner bieber gaga adele shakira madonna prince elvis beatles coldplay metallica nirvana oprah
ellen letterman conan colbert kimmel spielberg tarantino scorsese kubrick hitchcock dicaprio clooney pitt jolie aniston depp hanks schwarzenegger stallone
superman batman spiderman potter voldemort gandalf frodo skywalker vader pikachu mario naruto goku
""")

#: Bodies, firms and sights of several everyday words.
PHRASES = tuple(
    tuple(line.split())
    for line in """
white house
oval office
home office
foreign office
supreme court
high court
state department
justice department
treasury department
home depot
taco bell
burger king
pizza hut
dairy queen
best buy
whole foods
general motors
general electric
goldman sachs
morgan stanley
wells fargo
bank of america
world bank
red cross
red crescent
salvation army
united way
united nations
european union
third reich
middle east
west bank
gaza strip
gulf of mexico
wall street
times square
central park
silicon valley
new england
west coast
east coast
great lakes
rocky mountains
golden gate
eiffel tower
big ben
red sea
black sea
dead sea
air france
air india
air canada
british airways
american airlines
united airlines
delta airlines
new york times
washington post
wall street journal
financial times
associated press
fox news
sky news
national geographic
random house
universal pictures
warner bros
paramount pictures
amazon web services
google maps
google drive
open ai
""".strip().splitlines()
)

#: What a name's body is called: "caldwell insurance", "khomeini hospital".
BODY_NOUNS = _set("""
inc ltd llc plc corp corporation company co limited gmbh university college school institute academy hospital clinic church temple mosque
bank insurance energy press books news times post journal magazine records pictures films studios games media network radio television tv
hotel inn resort restaurant cafe pizza grill bar pub store shop market mall plaza center centre museum gallery theater theatre cinema library
station airport bridge tower hall building park garden gardens zoo stadium arena island islands lake river beach bay valley hills mountain
road street avenue lane county city town village district province region state states council committee commission department ministry agency
association foundation union league party club team society group partners services systems technologies technology industries motors airlines
airways railways police army forces navy marines government parliament senate court tribunal prison police
monthly weekly daily forces foundation tech arts barracks castle palace cathedral chapel cemetery orchestra band
""")
#: Bodies named after what they do: "ministry of education".
BODIES_OF = _set(
    "ministry department university institute bureau agency court association city county gulf bay board faculty college bank republic kingdom church office offices"
)

#: Small words that begin a name, whatever its case: "bin laden", "al-sadr", "van dyke".
NAME_PREFIXES = _set(
    "al el az ad as ash an bin ibn abu umm van von der de del della di da la le ter ten mac mc st saint san santa o d"
)

#: Number words that mostly count nothing.
VAGUE_NUMBERS = _set("one second first several few couple half un una une ein eine uno third once six dix a")

#: Titles that announce a name even in lower case.
SHORT_TITLES = _set("mr mrs ms dr prof sr sra mme mlle herr frau señor señora monsieur madame")

#: Small words between two names that make one of them ("fox and gillespie").
LINKS = _set("and y et und e de del der van von la al el bin di da dos du des")

#: Of `NAME_PREFIXES`, those that stand apart from a person's name ("van dyke").
APART_PREFIXES = _set("bin ibn abu al el van von della san santa")

#: After these a full stop ends no sentence.
ABBREVIATIONS = _set("mr mrs ms dr prof st sr sra no nos vs v jr fr rev hon lt col gen m mme")
