"""Codes and names of languages, as feeds declare them, by the language's code of two letters.

From CLDR 47 (Babel 2.18, ``python -m tests.language.tables``): ISO 639 codes of three letters, former codes, codes of
members of a macrolanguage, the English name and the language's own name, casefolded, with "-" for a space.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_TABLE: Final = """\
aa aar afar qafar
ab abk abkhazian аԥсшәа
ae ave avestan
af afr afrikaans
ak aka akan fat tw twi
am amh amharic አማርኛ
an aragonese aragonés arg
ar ara arabic arb العربية
as asm assamese অসমীয়া
av ava avaric
ay aym aymara ayr
az aze azerbaijani azj azərbaycan
ba bak bashkir башҡорт-теле
be bel belarusian беларуская
bg bul bulgarian български
bi bis bislama
bm bam bamanakan bambara
bn bangla ben বাংলা
bo bod tib tibetan བོད་སྐད་
br bre breton brezhoneg
bs bos bosanski bosnian
ca cat catalan català
ce che chechen нохчийн
ch cha chamorro
co corsican corsu cos
cr cre cree cwd
cs ces cze czech čeština
cu chu church-slavic церковнослове́нскїй
cv chuvash chv чӑваш
cy cym cymraeg wel welsh
da dan danish dansk
de deu deutsch ger german
dv div divehi ދިވެހިބަސް
dz adp dzo dzongkha རྫོང་ཁ
ee ewe eʋegbe
el ell gre greek ελληνικά
en eng english
eo epo esperanto
es español spa spanish
et eesti ekk est estonian
eu baq basque eus euskara
fa drw fas per persian pes prs tnf فارسی
ff fuc ful fula pulaar
fi fin finnish suomi
fj fij fijian
fo fao faroese føroyskt
fr fra français fre french
fy fry frysk western-frisian
ga gaeilge gle irish
gd gla gàidhlig scottish-gaelic
gl galego galician glg
gn avañe’ẽ grn guarani gug
gu guj gujarati prp ગુજરાતી
gv gaelg glv manx
ha hau hausa
he heb hebrew iw עברית
hi hin hindi हिन्दी
ho hiri-motu hmo
hr croatian hrv hrvatski scr
ht haitian-creole hat kreyòl-ayisyen
hu hun hungarian magyar
hy arm armenian hye հայերեն
hz her herero
ia ina interlingua
id in ind indonesia indonesian
ie ile interlingue
ig ibo igbo
ii iii sichuan-yi ꆈꌠꉙ
ik esk inupiaq ipk
io ido
is ice icelandic isl íslenska
it ita italian italiano
iu ike iku inuktitut ᐃᓄᒃᑎᑐᑦ
ja japanese jpn 日本語
jv jav javanese jawa jw
ka geo georgian kat ქართული
kg kng kon kongo
ki gikuyu kik kikuyu
kj kua kuanyama
kk kaz kazakh қазақ-тілі
kl kal kalaallisut
km khm khmer ខ្មែរ
kn kan kannada ಕನ್ನಡ
ko kor korean 한국어
kr kanuri kau knc
ks kas kashmiri کٲشُر
ku kmr kur kurdish kurdî-(kurmancî)
kv kom komi kpv
kw cor cornish kernewek
ky kir kyrgyz кыргызча
la lat latin latina
lb ltz luxembourgish lëtzebuergesch
lg ganda lug luganda
li lim limburgish
ln lin lingala lingála
lo lao ລາວ
lt lietuvių lit lithuanian
lu lub luba-katanga tshiluba
lv latvian latviešu lav lvs
mg malagasy mlg plt
mh mah marshallese
mi mao mri māori
mk mac macedonian mkd македонски
ml mal malayalam മലയാളം
mn drh khk mon mongolian монгол
mr mar marathi मराठी
ms malay may melayu msa zsm
mt maltese malti mlt
my bur burmese mya မြန်မာ
na nau nauru
nb nob norsk-bokmål norwegian-bokmål
nd isindebele nde north-ndebele
ne nep nepali npi नेपाली
ng ndo ndonga
nl dut dutch nederlands nld
nn nno norsk-nynorsk norwegian-nynorsk
no nor norsk norwegian
nr isindebele nbl south-ndebele
nv diné-bizaad nav navajo
ny nya nyanja
oc occitan oci
oj ojg oji ojibwa
om gaz orm oromo oromoo
or odia ori ory ଓଡ଼ିଆ
os oss ossetic ирон
pa pan punjabi ਪੰਜਾਬੀ
pi pali pli
pl pol polish polski
ps pashto pbu pus پښتو
pt por portuguese português
qu que quechua quz runasimi
rm roh romansh rumantsch
rn ikirundi run rundi
ro mo mol romanian română ron rum
ru rus russian русский
rw ikinyarwanda kin kinyarwanda
sa cls san sanskrit संस्कृत-भाषा
sc sardinian sardu src srd
sd sindhi snd سنڌي
se davvisámegiella northern-sami sme
sg sag sango sängö
sh serbo-croatian
si sin sinhala සිංහල
sk slk slo slovak slovenčina
sl slovenian slovenščina slv
sm samoan smo
sn chishona shona sna
so som somali soomaali
sq alb albanian als shqip sqi
sr cnr hbs scc serbian sh srp српски
ss siswati ssw swati
st sesotho sot southern-sotho
su basa-sunda sun sundanese
sv svenska swe swedish
sw kiswahili swa swahili swc swh
ta tam tamil தமிழ்
te tel telugu తెలుగు
tg tajik tgk тоҷикӣ
th tha thai ไทย
ti tigrinya tir ትግርኛ
tk tuk turkmen türkmen-dili
tl filipino-(pilipinas) tagalog
tn setswana tsn tswana
to lea-fakatonga ton tongan
tr tur turkish türkçe
ts tso tsonga xitsonga
tt tat tatar татар
tw akan-(gaana) twi
ty tah tahitian
ug uig uyghur ئۇيغۇرچە
uk ukr ukrainian українська
ur urd urdu اردو
uz o‘zbek uzb uzbek uzn
ve tshivenḓa ven venda
vi tiếng-việt vie vietnamese
vo vol volapük
wa walloon walon wln
wo wol wolof
xh isixhosa xho xhosa
yi ji ydd yid yiddish ייִדיש
yo yor yoruba èdè-yorùbá
za vahcuengh zha zhuang zyb
zh chi chinese cmn zho 中文
zu isizulu zul zulu
"""
_ROWS: Final = tuple(line.split() for line in _TABLE.splitlines())
CODES: Final = frozenset(row[0] for row in _ROWS)
"""The codes of two letters."""
CODE_BY_SPELLING: Final[Mapping[str, str]] = {spelling: row[0] for row in _ROWS for spelling in row[1:]}
"""The code of two letters, by another code or name of the language."""
