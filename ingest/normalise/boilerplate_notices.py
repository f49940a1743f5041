"""Rules for notices of a site and credits of a text: cookies, copyright, advertisements, contributors, pictures."""

from __future__ import annotations

from typing import Final

from ingest.normalise.boilerplate_parts import ADDRESS, DOMAIN, KINDS, LINE_CHARACTERS, NAME, Place, Rule

NOTICES: Final = (
    Rule(
        name="cookie-notice",
        words=(
            "ta 本网站使用 本网站 本站使用 本站 please nous this our we by privacy cookie cookies "
            "accept terms diese wir datenschutz ce este utilizamos questo мы этот сайт продолжая "
            "политика 当サイト datenschutzerklärung impressum agb"
        ),
        lines=(
            (
                r"(?:(?:this|our)\s(?:web\s?site|site|page)\suses|(?:we|we\sand\sour\spartners|our\spartners)\suse)\s"
                r"(?:\w+\s){0,3}cookies\b(?=[^\n]*\b(?:your?|our)\b)(?=[^\n]*\b(?:experience|opt[\s-]out|consent|accept|agree"
                r"|browsing|traffic|preferences|privacy\spolicy|settings|advertis\w+|content)\b)"
                r"(?![^\n]*\b(?:said|court|ruled|judge|told|according|minister|regulator|lawsuit"
                r"|reads|wrote|stated|says)\b)(?![^\n]*[”\"»],?\s*\w)[^\n]{0,460}"
            ),
            (
                r"by\s(?:continuing|using|browsing|clicking|closing)\b[^\n]{0,100}\byou\s(?:agree|accept|consent)\b"
                r"(?=[^\n]*\b(?:cookies|privacy\s(?:policy|notice)"
                r"|terms\s(?:of|and))\b)(?![^\n]*\b(?:said|told|says|reads|wrote)\b)(?![^\n]*[”\"»],?\s*\w)[^\n]{0,200}"
            ),
            (
                r"(?:privacy|cookies?|privacy\s(?:&|and)\scookies?)\s(?:policy|notice|settings)"
                r"(?:\s(?:[|·•&]|and)\s(?:terms\s(?:of\s(?:use|service)|and\sconditions)|(?:privacy|cookies?)\s(?:policy|notice)))?"
            ),
            r"terms\s(?:of\s(?:use|service)|(?:and|&)\sconditions)(?:\s(?:[|·•&]|and)\sprivacy\s(?:policy|notice))?",
            r"accept\s+read\smore|accept\s(?:all\s)?cookies|cookie\s(?:settings|preferences)",
            (
                r"(?:diese\s(?:web)?(?:site|seite)\s(?:verwendet|nutzt)|wir\s(?:verwenden|nutzen))\scookies\b"
                r"(?=[^\n]*\b(?:sie|ihre|ihnen|ihr)\b)[^\n]{0,300}"
            ),
            r"wir\s(?:verwenden|nutzen)\scookies\sund\sähnliche\stechnologien\b[^\n]{0,200}",
            r"nous\sutilisons\sdes\scookies\safin\sde\s[^\n]{0,80}\b(?:notre\ssite|audience)\b[^\n]{0,80}",
            r"ta\sstrona\s(?:używa|korzysta\sz)\s(?:plików\s)?cookies?\b[^\n]{0,120}",
            r"本(?:网站|網站|站)使用\s?cookies?[^\n]{0,60}|当(?:サイト|ウェブサイト)では?、?\s?cookieを使用し[^\n]{0,80}",
            r"please\senable\s(?:javascript|cookies)(?:\sto\s[^\n.,]{2,60})?",
            r"datenschutz(?:erklärung|hinweise)?|impressum|agb",
            r"(?:ce\ssite\sutilise|nous\sutilisons)\s(?:des\s)?cookies\b(?=[^\n]*\b(?:vous|votre|vos)\b)[^\n]{0,300}",
            (
                r"(?:este\s(?:sitio|site)(?:\sweb)?\s(?:utiliza|usa)|utilizamos)\scookies\b"
                r"(?=[^\n]*\b(?:experiencia|experiência|usted|você|navegación|navegação)\b)[^\n]{0,300}"
            ),
            r"questo\ssito\s(?:utilizza|usa)\s(?:i\s)?cookies?\b(?=[^\n]*\b(?:esperienza|navigazione|tua)\b)[^\n]{0,300}",
            (
                r"(?:мы\sиспользуем|(?:этот|наш)\sсайт\sиспользует|сайт\sиспользует)\s(?:файлы\s)?cookies?\b"
                r"(?=[^\n]*\b(?:вы|ваш\w*|сайт\w*)\b)[^\n]{0,300}"
            ),
            r"политика\s(?:конфиденциальности|обработки\sперсональных\sданных)",
        ),
        limit=LINE_CHARACTERS,
    ),
    Rule(
        name="advertisement",
        words=(
            "advertisement advertisements ad advertising sponsored promoted story article scroll "
            "continue anzeige werbung publicité publicidad publicidade pubblicità реклама 广告 廣告 "
            "広告 광고 إعلان reklama loading"
        ),
        lines=(
            r"advertisements?|sponsored(?:\s(?:content|post|by))?|promoted(?:\scontent)?|ad|advertising",
            (
                r"(?:story|article)\scontinues?d?\s(?:below|after)(?:\s(?:this|the))?(?:\s(?:ad|advert|advertisement|promotion"
                r"|gallery|video))?"
            ),
            r"continue\sreading\sbelow",
            r"advertisement\s(?:continue\sreading(?:\sbelow|\sthe\smain\sstory)?|scroll\sto\scontinue|story\scontinues\sbelow)",
            r"scroll\s(?:down\s)?to\scontinue(?:\s(?:reading|with\s(?:content|article)))?",
            r"anzeige|werbung|publicité|publicidad|publicidade|pubblicità|реклама|广告|廣告|広告|광고|إعلان|reklama",
            r"loading",
        ),
        limit=80,
    ),
    Rule(
        name="copyright",
        words=(
            "riproduzione © ⓒ c copyright all alle tous todos tutti все усі всі всички 版权所有 "
            "版權所有 未经授权 未經授權 本文版权 저작권자 무단 무단전재 무단복제 無断転載 禁無断転載 "
            "無断 جميع wszelkie tüm her this reproduction"
        ),
        lines=(
            (
                rf"(?:(?:©|ⓒ|\(c\)|copyright)\s?){{1,3}}(?:(?:(?<=©)|(?<=©\s)|(?<=ⓒ\s)|(?<=\(c\)\s)|by\s){NAME}[,.]?\s)?(?:19|20)\d\d(?:\s?[-–]\s?(?:(?:19|20)\d\d))?"
                r"(?P<rest>[^\n]{0,200})"
            ),
            (
                r"(?:(?:copyright\s?)?(?:©|ⓒ)\s?(?:copyright\s?)?|copyright\sby\s|(?:\(c\)|copyright)\s(?=[^\n]*reserved))"
                r"(?P<owner>[^\n]{2,60}?)(?P<reserved>\.?\s(?:all\srights\sreserved.{0,20}"
                r"|무단\s?전재[^\n]{0,60}))?"
            ),
            r"all\srights\sreserved(?:\.\s?this\smaterial\smay\snot\sbe\spublished[^\n]{0,80}|\sby\s[^\n.]{2,50})?",
            r"riproduzione\sriservata(?:\s?©?\s?(?:copyright\s)?(?P<owner>[^\n]{2,40}))?",
            r"©\sdpa(?:-infocom)?(?:,\sdpa:[\d-]{6,30}/\d{1,3})?",
            r"this\smaterial\smay\snot\sbe\s(?:published|reproduced)[^\n]{0,100}",
            (
                r"(?:alle\srechte\svorbehalten|tous\sdroits\sréservés|todos\slos\sderechos\sreservados|tutti\si\sdiritti"
                r"\s(?:sono\s)?riservati|todos\sos\sdireitos\sreservados|все\sправа\sзащищены|(?:усі|всі)\sправа\sзахищено"
                r"|(?:усі|всі)\sправа\sзахищені|всички\sправа\sзапазени|wszelkie\sprawa\szastrzeżone|tüm\shakları\ssaklıdır"
                r"|her\shakkı\ssaklıdır|جميع\sالحقوق\sمحفوظة)(?:[.,]\s(?P<owner>[^\n]{2,60}))?"
            ),
            (
                r"(?:版权所有|版權所有)(?:[\s，,：:©][^\n。]{0,40})?|(?:未经|未經)(?:\w{0,4})(?:授权|授權|许可|許可)[^\n。]{0,4}"
                r"(?:不得|禁止|严禁|嚴禁|请勿|請勿|谢绝|謝絕)[^\n。]{0,16}"
                r"|本文版权归[^\n。]{2,30}所有"
            ),
            r"저작권자\s?[(（]?[©ⓒc][)）]?[^\n]{1,120}",
            r"저작권자[^\n.]{1,60}무단[^\n]{0,40}금지",
            r"무단\s?(?:전재|복제)[^\n.]{0,50}금지(?:합니다)?",
            r"(?:禁)?無断(?:転載|複製)(?:[・、及びおよび複製転載]{0,10})?(?:を?(?:禁じます|禁止(?:します)?|禁ず))?",
        ),
        limit=320,
    ),
    Rule(
        name="contact",
        words="got have * contact 기사제보 기사 제보 제보는 report",
        marks=("@", "제보"),
        lines=(
            rf"(?:contact(?:\sus)?(?:\sat)?\s?:?\s?)?{ADDRESS}",
            rf"(?:\w{{2,5}}\s?기자\s?=?\s?)?{ADDRESS}",
            rf"[\uac00-\ud7a3]{{2,5}}\s?(?:기자|특파원|인턴기자)\s?[(（]?{ADDRESS}[)）]?",
            r"기사\s?제보(?:\s?(?:및[^\n]{0,30}|는|[:：=]))?(?=[^\n]*(?:@|카카오톡|\d{2,4}-\d{3,4}))[^\n]{0,100}",
            rf"(?:got|have)\sa\s(?:news\s)?tip\s?\?\s[^\n.?]{{2,60}}\s{ADDRESS}",
            r"제보는\s카카오톡\s[^\n]{1,30}",
        ),
        limit=160,
    ),
    Rule(
        name="reporting-credits",
        words="* reporting writing editing additional compiled translated with by edited written",
        marks=("additional reporting by",),
        lines=(
            rf"{NAME};\sadditional\sreporting\sby\s(?P<place>[^\n;,]{{2,60}})",
            (
                r"(?P<credits>(?:additional\s)?(?:reporting|writing|editing|translation|compiled|edited|written|translated)"
                r"(?:\s(?:and|,)?\s?(?:additional\s)?(?:reporting|writing|editing))?\sby\s[^\n]{3,300})"
            ),
        ),
        limit=340,
        place=Place.END,
    ),
    Rule(
        name="notice",
        words="disclaimer this the opinions views 끝 责任编辑 責任編輯 编辑 編輯 from",
        lines=(
            (
                r"(?:disclaimer:\s)?(?:the\s)?(?:views|opinions)(?:\s(?:and|&)\s(?:views|opinions))?\sexpressed"
                r"(?:\s(?:in\sthis\s(?:article|column|piece|post|commentary|essay)|here(?:in)?"
                r"|by\s(?:the\s)?(?:columnists?|authors?|contributors?|writers?)))?\s(?:are|belong)\s(?:solely\s|entirely\s)?"
                r"(?:those\sof\s|to\s)?(?:the\s)?(?:(?:authors?|columnists?|contributors?|writers?)(?:['’]s?)?|their)"
                r"(?:\s(?:own|alone))?(?:\s?,?\s(?:and|do)\s[^\n]{0,120})?"
            ),
            r"this\sis\sa\s(?:sponsored|paid|promoted)\s(?:post|article|story|content)",
            r"\(끝\)|끝",
            r"[（(]?(?:责任编辑|責任編輯|编辑|編輯)\s?[：:]\s?[^\n，。）)]{2,12}[）)]?",
            r"from\sour\s(?:\w{2,12}\s)?desk",
        ),
        place=Place.EDGES,
    ),
    Rule(
        name="contributors",
        words="this with mit con com avec source sources *",
        marks=("contributed to this", "contributed reporting", "ontributing:"),
        lines=(
            rf"{NAME}\s(?:also\s)?contributed\s(?:reporting\s)?(?:to|for)\sthis\s(?:{KINDS})(?:\sfrom\s(?P<place>[^\n]{{2,60}}?))?",
            rf"{NAME}\scontributed\sreporting(?:\sfrom\s(?P<place>[^\n]{{2,60}}?))?",
            rf"contributing:\s{NAME}",
            (
                rf"(?:this\s(?:{KINDS})\s(?:includes|contains)\s(?:material|reporting|information)\sfrom|with\s(?:material|reporting"
                rf"|information|files|inputs)\s(?:from|by)|mit\s(?:material|informationen)\s(?:der|von|des)|con\sinformación\sde"
                rf"|com\sinformações\sd[aeo]s?|avec|con\smateriale)\s(?P<agencies>[^\n]{{2,80}})"
            ),
            rf"(?:sources?\sinclude|sources?\sfor\sthis\s(?:{KINDS})\sinclude)\s?:\s{DOMAIN}(?:,\s{DOMAIN}){{0,12}}",
        ),
        limit=300,
    ),
    Rule(
        name="feed-footer",
        words="*",
        marks=("Permalink", "del.icio.us", "Digg", "RSS"),
        lines=(
            (
                r"(?:[^|\n]{1,120}\|\s?){0,3}(?:permalink|(?:no\s|\d{1,5}\s)?comments?|add\sto\sdel\.icio\.us|digg\sthis)"
                r"(?:\s?\|\s?[^|\n]{1,120}){1,8}"
            ),
        ),
        limit=LINE_CHARACTERS,
        place=Place.END,
    ),
    Rule(
        name="picture-credit",
        words=(
            "picture crédit снимка fot photo photos image foto fotos фото imagen immagine bild 사진 "
            "그래픽 写真 图 图片 photograph"
        ),
        lines=(
            (
                r"(?:photos?|image|picture|crédit\sphoto|foto|fot\.|фото|снимка|imagen|immagine|bild|사진|그래픽"
                r"|写真|图片?)"
                r"(?:(?:\s(?:credit|courtesy|by|of|source))?\s?[:：=/]\s?|(?<=fot\.)\s|\sby\s)(?P<picture>[^\n]{2,60})"
            ),
        ),
        limit=100,
    ),
)
