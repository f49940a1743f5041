"""Rules for calls to act and labels of links, in the languages of the feeds: read on, subscribe, share, watch."""

from __future__ import annotations

from typing import Final

from ingest.normalise.boilerplate_parts import (
    HEADLINE,
    HERE,
    KINDS,
    LETTERS,
    NETWORKS,
    URL,
    Place,
    Rule,
    phrase,
)

CALLS: Final = (
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
                rf"(?:\s(?:here|below|above|(?:on|at)\s{phrase(40)}))?"
            ),
            r"watch\s(?:(?:this|the)\s)?(?:video|clip|report)(?:\s(?:here|below|above))?",
            r"watch\sthe\svideo\s(?:here|below|above)\s(?:to|for)\b[^,;:.!?\n]{0,80}",
            (
                rf"(?:read|view|see)\s(?:the\s)?(?:full|whole|entire|original|complete)(?:\s(?:{KINDS}))?"
                rf"(?:\s(?:here|(?:at|on|in)\s{phrase(60)}))?"
            ),
            rf"read\sthe\srest\sof\s(?:the|this)\s(?:{KINDS})(?:\s(?:here|(?:at|on)\s{phrase(60)}))?",
            (
                r"(?:continue|keep)\sreading(?:\s(?:below|here|the\smain\sstory|on\sour\s(?:web\s?)?site|this\sstory"
                rf"|(?:at|on)\s{phrase(60)}|the\s(?:{KINDS})))?"
            ),
            rf"read\smore(?:\s(?:here|(?:at|on|about|from|by|in)\b{phrase(80)}))?(?:\s?[:：]\s?(?:{URL})?)?",
            rf"read\smore\s?[:：]\s?{HEADLINE}",
            r"more\s(?:from|on)\s(?:this|our|the\s(?:same\s)?(?:topic|author|web|section))(?:\s\w{1,20}){0,2}",
            rf"(?:click|tap)\shere(?:\s(?:to|for)\b{phrase(80)})?",
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
            rf"visit\sour\s(?:web\s?site|site|homepage)(?:\sfor\s{phrase(40)})?",
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
            rf"(?:関連記事|関連ニュース|関連|相关阅读|相关报道|相关新闻|相關新聞|推荐阅读|延伸阅读|延伸閱讀)(?:\s?[:：]\s?{HEADLINE}?)?",
            rf"(?:관련\s?기사|관련\s?뉴스)(?:\s?[:：]\s?{HEADLINE}?)?",
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
                rf"|{NETWORKS})\s?[:!-]?\s?-?\s?(?:{URL})[\s,]?){{1,8}}"
            ),
            r"(?:share|tweet|print|e-?mail|pin)(?:\sthis)?(?:\s(?:article|story|post|page))?",
            (
                rf"share\s(?:this\s)?(?:(?:article|story|post)\s)?(?:on|via|with)\s{NETWORKS}"
                rf"(?:(?:,|\sand|,\sand|\sor)?\s{NETWORKS}){{0,6}}"
            ),
            r"share\sthis(?:\s(?:article|story|post))?\swith\s(?:your\s)?friends",
            (
                r"(?:share|tweet|post|email|print|pin|like|save|comment|copy\slink)(?:[\s|·•,/]+(?:share|tweet|post|e-?mail|print"
                r"|pin|like|save|comments?|copy\slink|facebook|twitter|whatsapp|linkedin|x)){1,8}"
            ),
            (
                rf"(?:please\s)?(?:follow|like|find|join)\s(?:us|me|him|her|them|the\sauthor|@?[\w\s.’'-]{{1,40}}?)\s(?:on|at)\s"
                rf"(?:our\s)?{NETWORKS}(?:(?:\s?[:,&]|\sand|,\sand|\sor)?\s?(?:like\sus\s|follow\sus\s)?(?:on\s)?"
                rf"(?:{NETWORKS}|@\w{{1,30}}|{URL})){{0,8}}"
            ),
            rf"(?:click\sto\s)?(?:share|tweet|print|e-?mail)\son\s{NETWORKS}(?:\s\(opens\sin\snew\swindow\))?",
            r"click\sto\s(?:share|print|e-?mail)\b[^\n.,]{0,60}\(opens\sin\snew\swindow\)",
            rf"(?:like|follow)\sus\son\s{NETWORKS}\sto\s(?:see|get|read)\s(?:similar|more|our)\s\w{{1,12}}(?:\s\w{{1,12}})?",
            rf"join\s(?:our|the)\s{NETWORKS}\s(?:channel|group|community)(?:\s(?:here|now))?",
            (
                r"(?:download|get)\sour\s(?:free\s)?app(?:\s(?:from|on|in)\s(?:the\s)?(?:app\sstore|google\splay|ios|android)"
                r"(?:\s(?:or|and)\s(?:the\s)?(?:app\sstore|google\splay|ios|android))?)?"
            ),
            rf"(?:diesen\sartikel\steilen|teilen\ssie\sdiesen\sartikel|artikel\steilen|auf\s{NETWORKS}\steilen)",
            (
                rf"(?:suivez-nous|síguenos|síganos|siga-nos|seguici|folgen\ssie\suns|volg\sons|obserwuj\snas|sledujte\snás|följ\soss"
                rf"|следвайте\sни|последвайте\sни|подписывайтесь\sна\sнас|следите\sза\sнами|слідкуйте\sза\sнами|bizi\stakip\sedin|تابعنا)"
                rf"\s(?:sur|en|no|na|em|su|auf|op|w|на|в|във|у|во|på|على)\s(?:{NETWORKS}|facebooku|instagramie|فيسبوك|تويتر|تلغرام)"
                rf"(?:(?:,|\s(?:et|y|e|und|en|i|и|і|و)(?:\s(?:no|na|en|sur|в|на))?)\s?{NETWORKS}){{0,6}}"
            ),
            (
                rf"(?:compartir|compartilhar|compartilhe|condividi|partager|partagez)(?:\s(?:en|no|su|sur)\s{NETWORKS}"
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
            (
                r"(?:поделиться|поделитесь)(?:\s(?:с\sдрузьями|этой\sновостью|ссылкой|(?:в|на)\s\w{0,6}\s?"
                rf"{NETWORKS}))?|поширити"
            ),
            rf"следите\sза\s(?:нами|нашими\sновостями)\s(?:в|на)\s{NETWORKS}(?:(?:,|\sи)\s(?:в\s)?{NETWORKS}){{0,6}}",
            r"(?:공유하기|공유|分享到(?:微信|微博|朋友圈|qq|qq空间|facebook|twitter|line)[^\n。，]{0,8}|分享|シェアする|シェア|フォローする)",
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
                rf"{phrase(60)}\b{LETTERS}(?:\s(?:here|today|now|below|manage\snewsletters|read\smore)"
                r"|\sand\sfollow\sus\son\s\w{1,12}(?:\s@\w{1,30})?)?"
            ),
            (
                rf"(?:please\s)?(?:subscribe|sign[\s-]up)\s(?:to|for)\s{phrase(50)}\b{LETTERS}\s(?:and\snever\smiss|to\sget"
                rf"|to\sreceive|on\sthe|for\sthe){phrase(80)}"
            ),
            (
                r"subscribe\s(?:to|now\sto)\sour\s(?:\w+\s){0,3}(?:newsletter|channel|podcast|magazine|feed|e-?mails?|list|site)"
                rf"(?:\s(?:at|on|via|and\snever\smiss)\b{phrase(60)})?"
            ),
            r"(?:please\s)?(?:subscribe|sign\sup)(?:\s(?:now|today|here|below))?",
            rf"get\s(?:our|the)\s{phrase(60)}\bnewsletters?{HERE}",
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
        name="video",
        words="watch this",
        lines=(
            (
                r"watch\sthis\s(?:report|video|clip|episode|segment|interview)\s(?:from|by|of|with)\s"
                rf"[“\"'‘]?\w[^,;:.!?\n“”\"]{{0,50}}[”\"'’]?\s(?:discussing|explaining|showing|about|describing|on){phrase(20)}"
                r"[^,;:.!?\n]{0,160}"
            ),
            r"this\svideo\sis\sfrom\sthe\s(?:\w+\s){0,3}channel\b[^,;:!?\n]{0,60}?(?:\son)?(?:\s[\w.-]{2,40})?",
            r"this\svideo\sis\s(?:from|by)\s[“\"]?[A-Z][^,;:!?\n]{0,50}\son\s[A-Z][\w.]{2,30}",
        ),
        place=Place.EDGES,
    ),
)
