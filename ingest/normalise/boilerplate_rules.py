"""The rules of :mod:`ingest.normalise.boilerplate`, as data.

A rule's free parts are named groups, which are checked beyond the expression: ``headline`` begins like one and is no
sentence; ``name``, ``place`` and ``owner`` are names; ``rest`` is a closed notice; ``credits`` are credits of people.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

LINE_CHARACTERS: Final = 600
"""A longer paragraph is not boilerplate."""
EDGE_LINES: Final = 8
"""First and last paragraphs in which a line about the whole text may stand."""

# The words of a clause: a free part that has one may be a sentence.
_CLAUSE: Final = (
    "that|which|who|whom|whose|said|says|say|told|tells|he|she|they|it|was|were|is|are|has|have|had|will|would|could"
    "|should|did|does|because|after|before|while|when|but|if|where|how|why|must|may|might|never|not"
)


def _phrase(limit: int) -> str:
    """An expression for at most this many characters without punctuation and without the words of a clause."""
    return rf"(?:(?!\b(?:{_CLAUSE})\b)(?:[^,;.!?:…\n“”\"«»]|\.(?=\w))){{0,{limit}}}"


HEADLINE: Final = r"(?P<headline>\S[^\n]{2,220})"
NAME: Final = r"(?P<name>\S[^\n]{1,100}?)"
_URL: Final = r"(?:https?://|www\.)\S{3,300}|\b[\w-]{2,60}\.(?:com|org|net|tv|ru|de|fr|kr|jp|cn|uk|eu|info|news)(?:/\S{0,200})?"
_DOMAIN: Final = r"(?:www\.)?[\w-]{1,63}(?:\.[\w-]{2,63}){1,3}(?:/\S{0,200})?"
_ADDRESS: Final = r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"
_KINDS: Final = (
    "article|story|post|piece|report|essay|column|commentary|analysis|interview|page|content|text|source"
)
_LETTERS: Final = r"(?:newsletters?|e-?mails?|updates|alerts|mailing\slist|podcasts?|briefing)"
_NETWORKS: Final = (
    r"(?:twitter|facebook|instagram|telegram|youtube|linked-?in|whats-?app|tik-?tok|x|threads|mastodon|bluesky|vkontakte"
    r"|vk|ok|viber|line|wechat|weibo|google\snews|flipboard|reddit|pinterest|dzen|rss|rumble|gab|gettr|truth\ssocial"
    r"|фейсбуке?|твиттере?|телеграме?|телеграм-канале?|вконтакте|одноклассниках|дзене?|ютубе?)"
)
_HERE: Final = r"(?:\s(?:here|now|today|below|above))?"


class Place(Enum):
    """The part of a text in which a rule applies."""

    ANYWHERE = "anywhere"
    EDGES = "edges"
    """The first and last lines."""
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Lines that one of the expressions matches whole, white space and marks around them aside."""

    name: str
    words: str
    """The words that a line begins with, in lower case; ``*`` for lines that contain one of ``marks``."""
    lines: tuple[str, ...]
    marks: tuple[str, ...] = ()
    limit: int = 240
    """Characters of the longest line."""
    place: Place = Place.ANYWHERE


RULES: Final = (
    Rule(
        name="read-more",
        words=(
            "seguir continúa continuar continua continuer to please already visit listen lees les läs "
            "læs lue watch read view see continue keep also more click tap lesen weiterlesen mehr lire "
            "en leer lea leia ler saiba leggi читать читайте подробнее далее полностью полный читати "
            "докладніше детальніше прочетете 続きを読む 続き 阅读全文 閱讀全文 继续阅读 查看全文 "
            "查看原文 阅读原文 기사 더 전문 اقرأ للمزيد czytaj więcej devamı"
        ),
        lines=(
            (
                r"watch\sthe\s(?:full|whole|entire)\s(?:report|video|clip|episode|segment|interview)"
                rf"(?:\s(?:here|below|above|(?:on|at)\s{_phrase(40)}))?"
            ),
            r"watch\s(?:(?:this|the)\s)?(?:video|clip|report)(?:\s(?:here|below|above))?",
            r"watch\sthe\svideo\s(?:here|below|above)\s(?:to|for)\b[^,;:.!?\n]{0,80}",
            (
                rf"(?:read|view|see)\s(?:the\s)?(?:full|whole|entire|original|complete)(?:\s(?:{_KINDS}))?"
                rf"(?:\s(?:here|(?:at|on|in)\s{_phrase(60)}))?"
            ),
            rf"read\sthe\srest\sof\s(?:the|this)\s(?:{_KINDS})(?:\s(?:here|(?:at|on)\s{_phrase(60)}))?",
            (
                r"(?:continue|keep)\sreading(?:\s(?:below|here|the\smain\sstory|on\sour\s(?:web\s?)?site|this\sstory"
                rf"|(?:at|on)\s{_phrase(60)}|the\s(?:{_KINDS})))?"
            ),
            rf"read\smore(?:\s(?:here|(?:at|on|about|from|by|in)\b{_phrase(80)}))?(?:\s?[:：]\s?(?:{_URL})?)?",
            rf"read\smore\s?[:：]\s?{HEADLINE}",
            r"more\s(?:from|on)\s(?:this|our|the\s(?:same\s)?(?:topic|author|web|section))(?:\s\w{1,20}){0,2}",
            rf"(?:click|tap)\shere(?:\s(?:to|for)\b{_phrase(80)})?",
            (
                r"(?:hier\s)?(?:weiterlesen|mehr\slesen|lesen\ssie\shier\sweiter|lesen\ssie\smehr|mehr\sdazu|mehr\szum\sthema)"
                r"(?:\s(?:auf|bei)\s[\w.-]{2,40})?"
            ),
            (
                r"(?:lire\s(?:la\ssuite|plus|l['’]article\scomplet|l['’]intégralité)|en\slire\splus|en\ssavoir\splus)"
                r"(?:\s(?:sur|ici)(?:\s(?P<name>[^\n]{2,40}))?)?"
            ),
            r"(?:leer|lea)\s(?:más|el\sartículo\scompleto|la\snota\scompleta)(?:\s(?:en|aquí)(?:\s(?P<name>[^\n]{2,40}))?)?",
            r"(?:leia|ler|saiba)\s(?:mais|a\smatéria\scompleta|o\sartigo\scompleto)(?:\s(?:em|no|na|aqui)(?:\s(?P<name>[^\n]{2,40}))?)?",
            r"leggi\s(?:tutto|di\spiù|anche|l['’]articolo\scompleto)(?:\s(?:su|qui)(?:\s(?P<name>[^\n]{2,40}))?)?",
            r"(?:читать|читайте)\s(?:далее|дальше|полностью|подробнее|полную\sверсию)(?:\s(?:на|в)(?:\sсайте)?(?:\s(?P<name>[^\n]{2,40}))?)?",
            r"(?:подробнее|далее|полностью)(?:\s(?:на\sсайте|в\sисточнике|по\sссылке|тут|здесь)(?:\s(?P<name>[^\n]{2,40}))?)?",
            r"полный\sтекст\s(?:статьи\s)?(?:на\sсайте|по\sссылке|здесь)(?:\s(?P<name>[^\n]{2,40}))?",
            r"читати\s(?:далі|повністю|більше)(?:\sна(?:\s(?P<name>[^\n]{2,40}))?)?|докладніше|детальніше",
            r"прочетете\s(?:още|повече)(?:\s(?:тук|на|в)(?:\s(?P<name>[^\n]{2,40}))?)?",
            r"(?:seguir\sleyendo|continúa\sleyendo|continuar\slendo|continue\slendo|continua\sa\sleggere|continuer\sla\slecture)",
            (
                r"(?:to\scontinue\sreading,?\s)?please\s(?:subscribe\sor\slog\sin|log\sin(?:\sor\ssubscribe)?)|to\scontinue\sreading,?"
                r"\splease\s(?:subscribe|log\sin|sign\sin)(?:\sor\s(?:subscribe|log\sin|sign\sin))?"
            ),
            r"already\sa\s(?:subscriber|member)\s?\??\s(?:log|sign)\sin(?:\shere)?",
            rf"visit\sour\s(?:web\s?site|site|homepage)(?:\sfor\s{_phrase(40)})?",
            r"(?:listen\sto\s(?:this\s)?article)(?:\s\(?\d{1,3}\s(?:min|minutes?)\)?)?",
            r"lees\s(?:verder|meer)|les\smer|läs\smer|læs\smere|lue\slisää",
            r"(?:続きを読む|続きはこちら|阅读全文|閱讀全文|继续阅读|繼續閱讀|查看全文|查看原文|阅读原文)",
            r"(?:기사\s?(?:전문|원문|더)\s?보기|더\s?보기|전문\s?보기)",
            r"(?:اقرأ\sالمزيد|للمزيد)",
            r"czytaj\s(?:więcej|dalej)|więcej\sna\s[\w.]{3,40}|devamı(?:nı\soku)?",
        ),
    ),
    Rule(
        name="related",
        words=(
            "lees läs les læs citește ayrıca přečtěte related recommended see also read more suggested "
            "you editor lesen siehe auch mehr lire voir à leer lea ver leia veja leggi читайте смотрите "
            "материалы читай похожие по також дивіться прочетете вижте 関連 関連記事 相关 相关阅读 "
            "相关报道 相关新闻 相關 推荐 推荐阅读 延伸阅读 延伸閱讀 관련 관련기사 ▶ اقرأ شاهد مواضيع "
            "czytaj zobacz"
        ),
        lines=(
            (
                r"(?:related|recommended|suggested)(?:\s(?:articles?|stories|story|coverage|reading|news|posts?|links|content"
                rf"|videos?|topics?|for\syou))?\s?[:：]\s?{HEADLINE}"
            ),
            (
                r"(?:related|recommended|suggested)\s(?:articles?|stories|coverage|reading|news|posts?|links|content|videos?"
                r"|topics?|for\syou)\s?[:：]?"
            ),
            r"you\smay\salso\s(?:like|be\sinterested\sin)\s?[:：]?",
            rf"(?:see\salso|also\sread|read\salso|also\ssee|also\swatch|read\snext)\s?[:：]\s?{HEADLINE}",
            rf"(?:lesen\ssie\sauch|lesen\ssie\sdazu|siehe\sauch|auch\sinteressant|mehr\szum\sthema)\s?[:：]\s?{HEADLINE}",
            rf"(?:lire\saussi|à\slire\saussi|à\slire|voir\saussi)\s?[:：]\s?{HEADLINE}",
            rf"(?:leer\stambién|lea\stambién|ver\stambién|leia\stambém|veja\stambém|leggi\sanche)\s?[:：]\s?{HEADLINE}",
            (
                rf"(?:читайте\s(?:также|ещ[её])|читать\sтакже|читай\sтакже|смотрите\sтакже|материалы\sпо\sтеме|по\sтеме"
                rf"|похожие\sновости|читайте\sтакож|дивіться\sтакож|прочетете\sоще|вижте\sоще)\s?[:：]\s?{HEADLINE}"
            ),
            r"(?:материалы\sпо\sтеме|читайте\sтакже|читайте\sтакож|похожие\sновости|смотрите\sтакже)\s?[:：]?",
            rf"(?:関連記事|関連ニュース|関連|相关阅读|相关报道|相关新闻|相關新聞|推荐阅读|延伸阅读|延伸閱讀)\s?[:：]\s?{HEADLINE}?",
            rf"(?:관련\s?기사|관련\s?뉴스)\s?[:：]?\s?{HEADLINE}?",
            rf"(?:اقرأ\sأيضا|اقرأ\sأيضًا|شاهد\sأيضا|مواضيع\sذات\sصلة)\s?[:：]\s?{HEADLINE}?",
            rf"(?:lees\sook|läs\sockså|les\sogså|læs\sogså|citește\sși|ayrıca\sokuyun|přečtěte\ssi\stéž)\s?[:：]\s?{HEADLINE}",
            rf"(?:czytaj\stakże|zobacz\stakże|czytaj\steż)\s?[:：]\s?{HEADLINE}",
        ),
    ),
    Rule(
        name="share",
        words=(
            "click download diesen auf suivez síguenos síganos siga seguici folgen volg obserwuj "
            "sledujte följ следвайте последвайте подписывайтесь слідкуйте bizi تابعنا compartilhe "
            "partagez 扫描 扫码 欢迎 关注 share tweet print email visit subscribe watch get check "
            "facebook twitter instagram e pin follow like find leave add post comments comment no join "
            "teilen artikel partager compartir compartilhar condividi поделиться поделитесь поширити "
            "следите 공유 分享 分享到 シェア フォロー kommentare commentaires udostępnij"
        ),
        lines=(
            (
                rf"(?:(?:(?:follow|like|find|visit|subscribe\sto|watch|get\smore|check\sout)\b[^\n:!?.|]{{2,60}}?"
                rf"|{_NETWORKS})\s?[:!-]?\s?-?\s?(?:{_URL})[\s,]?){{1,8}}"
            ),
            r"(?:share|tweet|print|e-?mail|pin)(?:\sthis)?(?:\s(?:article|story|post|page))?",
            (
                rf"share\s(?:this\s)?(?:(?:article|story|post)\s)?(?:on|via|with)\s{_NETWORKS}"
                rf"(?:(?:,|\sand|,\sand|\sor)?\s{_NETWORKS}){{0,6}}"
            ),
            r"share\sthis(?:\s(?:article|story|post))?\swith\s(?:your\s)?friends",
            (
                r"(?:share|tweet|post|email|print|pin|like|save|comment|copy\slink)(?:[\s|·•,/]+(?:share|tweet|post|e-?mail|print"
                r"|pin|like|save|comments?|copy\slink|facebook|twitter|whatsapp|linkedin|x)){1,8}"
            ),
            (
                rf"(?:please\s)?(?:follow|like|find|join)\s(?:us|me|him|her|them|the\sauthor|@?[\w\s.’'-]{{1,40}}?)\s(?:on|at)\s"
                rf"(?:our\s)?{_NETWORKS}(?:(?:\s?[:,&]|\sand|,\sand|\sor)?\s?(?:like\sus\s|follow\sus\s)?(?:on\s)?"
                rf"(?:{_NETWORKS}|@\w{{1,30}}|{_URL})){{0,8}}"
            ),
            rf"(?:click\sto\s)?(?:share|tweet|print|e-?mail)\son\s{_NETWORKS}(?:\s\(opens\sin\snew\swindow\))?",
            r"click\sto\s(?:share|print|e-?mail)\b[^\n.,]{0,60}\(opens\sin\snew\swindow\)",
            rf"(?:like|follow)\sus\son\s{_NETWORKS}\sto\s(?:see|get|read)\s(?:similar|more|our)\s\w{{1,12}}(?:\s\w{{1,12}})?",
            rf"join\s(?:our|the)\s{_NETWORKS}\s(?:channel|group|community)(?:\s(?:here|now))?",
            (
                r"(?:download|get)\sour\s(?:free\s)?app(?:\s(?:from|on|in)\s(?:the\s)?(?:app\sstore|google\splay|ios|android)"
                r"(?:\s(?:or|and)\s(?:the\s)?(?:app\sstore|google\splay|ios|android))?)?"
            ),
            rf"(?:diesen\sartikel\steilen|teilen\ssie\sdiesen\sartikel|artikel\steilen|auf\s{_NETWORKS}\steilen)",
            (
                rf"(?:suivez-nous|síguenos|síganos|siga-nos|seguici|folgen\ssie\suns|volg\sons|obserwuj\snas|sledujte\snás|följ\soss"
                rf"|следвайте\sни|последвайте\sни|подписывайтесь\sна\sнас|следите\sза\sнами|слідкуйте\sза\sнами|bizi\stakip\sedin|تابعنا)"
                rf"\s(?:sur|en|no|na|em|su|auf|op|w|на|в|във|у|во|på|على)\s(?:{_NETWORKS}|facebooku|instagramie|فيسبوك|تويتر|تلغرام)"
                rf"(?:(?:,|\s(?:et|y|e|und|en|i|и|і|و)(?:\s(?:no|na|en|sur|в|на))?)\s?{_NETWORKS}){{0,6}}"
            ),
            (
                rf"(?:compartir|compartilhar|compartilhe|condividi|partager|partagez)(?:\s(?:en|no|su|sur)\s{_NETWORKS}"
                r"|\s(?:esta\snotícia|esta\snoticia|este\sartigo|este\sartículo|questo\sarticolo|cet\sarticle))?"
            ),
            (
                r"(?:扫描|扫码|長按|长按)[^\n。，]{0,12}二维码[^\n。]{0,20}|(?:欢迎|歡迎)?(?:关注|關注)(?:我们|本报|本站|本刊)[^\n。，]{0,12}"
                r"(?:微信|微博|公众号|公眾號)[^\n。，]{0,6}"
            ),
            r"follow\s@\w{1,30}(?:\son\s\w{1,12})?",
            (
                r"leave\sa\s(?:comment|reply)|(?:add|post)\s(?:a|your)\scomment|(?:no\s)?comments?(?:\s(?:are\s)?closed)?"
                r"|join\sthe\s(?:conversation|discussion)"
            ),
            r"(?:artikel\s)?teilen|partager(?:\s(?:cet\sarticle|sur\s\w{1,12}))?|compartir|compartilhar|condividi",
            r"(?:поделиться|поделитесь)(?:\s(?:в|на|с\sдрузьями|этой\sновостью|ссылкой)\b[\w\s]{0,20})?|поширити",
            rf"следите\sза\s(?:нами|нашими\sновостями)\s(?:в|на)\s{_NETWORKS}(?:(?:,|\sи)\s(?:в\s)?{_NETWORKS}){{0,6}}",
            r"(?:공유하기|공유|分享到[^\n。，]{0,12}|分享|シェアする|シェア|フォローする)",
            r"(?:kommentare|commentaires)(?:\s\d{1,4})?|udostępnij",
        ),
    ),
    Rule(
        name="newsletter",
        words=(
            "اشترك bültenimize schrijf anmäl tilmeld please subscribe sign get want receive join never "
            "don enter stay support thank click newsletter abonnieren melden abonnez inscrivez "
            "s'abonner suscríbete suscríbase inscreva assine iscriviti подпишитесь подписывайтесь "
            "подписаться підписуйтесь підпишіться абонирайте 구독 뉴스레터 订阅 訂閱 メルマガ "
            "subskrybuj zapisz"
        ),
        lines=(
            (
                r"(?:please\s)?(?:subscribe|sign[\s-]up)(?:\s(?:now|today|here|free|for\sfree))?\s(?:to|for|up\sfor)\s"
                rf"{_phrase(60)}\b{_LETTERS}(?:\s(?:here|today|now|below|manage\snewsletters|read\smore)"
                r"|\sand\sfollow\sus\son\s\w{1,12}(?:\s@\w{1,30})?)?"
            ),
            (
                rf"(?:please\s)?(?:subscribe|sign[\s-]up)\s(?:to|for)\s{_phrase(50)}\b{_LETTERS}\s(?:and\snever\smiss|to\sget"
                rf"|to\sreceive|on\sthe|for\sthe){_phrase(80)}"
            ),
            (
                r"subscribe\s(?:to|now\sto)\sour\s(?:\w+\s){0,3}(?:newsletter|channel|podcast|magazine|feed|e-?mails?|list|site)"
                rf"(?:\s(?:at|on|via|and\snever\smiss)\b{_phrase(60)})?"
            ),
            r"(?:please\s)?(?:subscribe|sign\sup)(?:\s(?:now|today|here|below))?",
            rf"get\s(?:our|the)\s{_phrase(60)}\bnewsletters?{_HERE}",
            (
                r"(?![^\n]*\b(?:said|says|warns?|warned|told|wrote|police|will|could|may)\b)"
                r"(?:sign\sup|subscribe|get|receive|join|enter|want|stay|start)\b[^\n.!?]{0,120}"
                r"\b(?:in|to|into)\syour\s(?:e-?mail\s)?inbox\b[^\n.!?]{0,60}(?:[.!?]\s(?:sign\sup(?:\s(?:here|now|today))?"
                r"|(?:sign\sup\s)?by\ssigning\sup,?\syou\sagree\sto\sour\sprivacy\s(?:policy|notice))){0,2}"
            ),
            r"(?:never|don['’]t)\smiss\s(?:a|an|another|our|any)\s(?:\w+\s){0,2}(?:story|stories|update|news|thing|post|article)",
            r"sign\sup\shere\sfor\s(?:the|our)\b[^\n!?]{0,80}\bnewsletters?",
            r"enter\syour\se-?mail(?:\saddress)?\sto\s(?:subscribe|sign\sup|receive|get)\b[^\n,;!?]{0,120}",
            (
                r"(?:اشترك\sفي\sنشرتنا(?:\sالإخبارية|\sالبريدية)?|bültenimize\s(?:abone|kayıt)\solun|schrijf\sje\sin\svoor\sonze"
                r"\snieuwsbrief|anmäl\sdig\still\svårt\snyhetsbrev|tilmeld\sdig\svores\snyhedsbrev)"
            ),
            r"newsletter(?:\ssign[\s-]?up|\sabonnieren|\sbestellen)?",
            r"(?:abonnieren\ssie|melden\ssie\ssich|jetzt)\b[^\n.!?]{0,60}\bnewsletter\b[^\n.!?]{0,30}",
            (
                r"(?:abonnez-vous|inscrivez-vous|s['’]abonner)\s(?:à|au)\s(?:la|notre|nos)?\s?(?:newsletters?|lettre\sd['’]information)"
                r"(?:\s\w{1,15}){0,3}"
            ),
            (
                r"(?:suscr[ií]b(?:e|ete|ase)|inscr[ií]b(?:e|ete|ase)|inscreva-se|assine|iscriviti)\s(?:te\s)?(?:a|al|em|à|na|la|"
                r"alla)?\s?(?:nuestr[ao]|noss[ao]|nostra|la|a)?\s?(?:newsletter|bolet[ií]n|canal|lista)(?:\s\w{1,15}){0,4}"
            ),
            (
                r"(?:подпи(?:шитесь|сывайтесь|саться|шись)|підпи(?:шіться|суйтесь|суйтеся)|абонирайте\sсе)\s(?:на|за)\s"
                r"(?:(?:наш|нашу|наши|наші|нашия|рассылку|канал|страницу|новости|telegram)[\w-]{0,6}\s?)"
                r"(?:(?:telegram|youtube|whatsapp|viber|телеграм|вконтакте|в|на|и|i|і|канал|страниц\w|рассылку|групп\w|google"
                r"|новости|news|facebook|x|instagram|дзен|бюлетин)[\w-]{0,6}\s?){0,6}(?:[\"«“][^\"»”\n]{1,60}[\"»”]+)?"
            ),
            (
                r"(?:подпи(?:шитесь|сывайтесь)|підпи(?:шіться|суйтесь))\sна\s(?:telegram|youtube|телеграм)[\w-]{0,8}(?:[\s-]канал)?"
                r"(?:\s[\"«“]{1,2}[^\"»”\n]{1,60}[\"»”]{1,3})?"
            ),
            r"(?:구독\s?(?:하기|신청)|뉴스레터\s?구독(?:하기)?|订阅我们的?[^\n。，]{0,20}|訂閱電子報|メルマガ登録)",
            r"(?:subskrybuj|zapisz\ssię)\b[^\n.!?]{0,40}\bnewsletter\w{0,3}",
        ),
        limit=260,
    ),
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
        name="video",
        words="watch this",
        lines=(
            (
                r"watch\sthis\s(?:report|video|clip|episode|segment|interview)\s(?:from|by|of|with)\s"
                rf"[“\"'‘]?\w[^,;:.!?\n“”\"]{{0,50}}[”\"'’]?\s(?:discussing|explaining|showing|about|describing|on){_phrase(20)}"
                r"[^,;:.!?\n]{0,160}"
            ),
            r"this\svideo\sis\sfrom\sthe\s(?:\w+\s){0,3}channel\b[^,;:!?\n]{0,60}?(?:\son)?(?:\s[\w.-]{2,40})?",
            r"this\svideo\sis\s(?:from|by)\s[“\"]?[A-Z][^,;:!?\n]{0,50}\son\s[A-Z][\w.]{2,30}",
        ),
        place=Place.EDGES,
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
                r"|her\shakkı\ssaklıdır|جميع\sالحقوق\sمحفوظة)(?:[.,]?\s(?P<owner>[^\n]{2,60}))?"
            ),
            (
                r"(?:版权所有|版權所有)[^\n。]{0,40}|(?:未经|未經)(?:授权|授權|许可|許可)[^\n。]{0,16}(?:转载|轉載|使用)[^\n。]{0,16}"
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
            rf"(?:contact(?:\sus)?(?:\sat)?\s?:?\s?)?{_ADDRESS}",
            rf"(?:\w{{2,5}}\s?기자\s?=?\s?)?{_ADDRESS}",
            rf"[\uac00-\ud7a3]{{2,5}}\s?(?:기자|특파원|인턴기자)\s?[(（]?{_ADDRESS}[)）]?",
            r"기사\s?제보\s?(?:및|는|[:：=]|카카오톡|하기)[^\n]{0,100}",
            rf"(?:got|have)\sa\s(?:news\s)?tip\s?\?\s[^\n.?]{{2,60}}\s{_ADDRESS}",
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
                r"(?:disclaimer:\s)?(?:the\s)?(?:views|opinions)(?:\s(?:and|&)\s(?:views|opinions))?\sexpressed\b[^\n]{0,60}\b(?:are"
                r"|belong)\s[^\n]{0,60}\b(?:author|authors|columnists|writer|own|alone)\b[^\n]{0,120}"
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
            rf"{NAME}\s(?:also\s)?contributed\s(?:reporting\s)?(?:to|for)\sthis\s(?:{_KINDS})(?:\sfrom\s(?P<place>[^\n]{{2,60}}?))?",
            rf"{NAME}\scontributed\sreporting(?:\sfrom\s(?P<place>[^\n]{{2,60}}?))?",
            rf"contributing:\s{NAME}",
            (
                rf"(?:this\s(?:{_KINDS})\s(?:includes|contains)\s(?:material|reporting|information)\sfrom|with\s(?:material|reporting"
                rf"|information|files|inputs)\s(?:from|by)|mit\s(?:material|informationen)\s(?:der|von|des)|con\sinformación\sde"
                rf"|com\sinformações\sd[aeo]s?|avec|con\smateriale)\s{NAME}"
            ),
            rf"(?:sources?\sinclude|sources?\sfor\sthis\s(?:{_KINDS})\sinclude)\s?:\s{_DOMAIN}(?:,\s{_DOMAIN}){{0,12}}",
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
                r"(?:photos?|image|picture|crédit\sphoto|foto|fot\.|фото|снимка|imagen|immagine|bild|사진|그래픽|写真|图片?)"
                rf"(?:(?:\s(?:credit|courtesy|by|of|source))?\s?[:：=/]\s?|(?<=fot\.)\s|\sby\s){NAME}"
            ),
        ),
        limit=100,
    ),
)
