"""Examples for each rule of boilerplate: lines to remove, by rule, and lines of stories that are like them."""

from __future__ import annotations

from typing import Final

REMOVED: Final = {
    "read-more": """
        Read the full article here
        Read more »
        READ MORE:
        Read more: Why sanctions failed to stop the tests
        Read more from our Moscow correspondent
        Continue reading on our site
        Continue reading...
        Click here to get the morning app
        CLICK HERE FOR THE EVENING.COM
        Watch the full report here:
        Weiterlesen
        Mehr zum Thema
        Lire la suite
        Leer más
        Leia mais
        Leggi tutto
        Читать далее
        Подробнее на сайте
        Читати далі
        阅读全文
        続きを読む
        기사 전문 보기
        اقرأ المزيد
        Czytaj więcej
        """,
    "related": """
        Related: Another thing that happened
        SEE ALSO: Ryan, Mills lead assembly to the finish line of a tax bill
        See also: Mass. Gov. Otter says the bridge is safe
        [Related: Our polling averages]
        Lesen Sie auch: Kim trifft Putin
        Lire aussi : Kim rencontre Poutine
        Lea también: Kim se reúne con Putin
        Leggi anche: Kim incontra Putin
        Читайте также: Путин прибыл в Пхеньян
        Материалы по теме:
        Читайте також: Путін прибув до Пхеньяна
        相关阅读：金正恩会见普京
        関連記事：金正恩氏、ロシア訪問
        관련기사: 김정은, 러시아 방문
        اقرأ أيضا: لقاء القمة في بيونغ يانغ
        """,
    "newsletter": """
        Subscribe to our newsletter
        Subscribe to our newsletter and never miss a story
        Sign up for our daily newsletter
        Sign up for Daily Newsletters Manage Newsletters
        Get the Gazette stories you care about delivered to your inbox. By signing up, you agree to our Privacy Policy
        Want the best of us straight to your inbox? Sign up here.
        Abonnieren Sie unseren Newsletter
        Abonnez-vous à notre newsletter
        Suscríbete a nuestro boletín
        Подписывайтесь на наш Telegram-канал
        Підписуйтесь на наш канал
        뉴스레터 구독하기
        """,
    "cookie-notice": """
        This website uses cookies to improve your experience. We'll assume you're ok with this, but you can opt-out.
        By continuing to use this site you agree to our use of cookies.
        Privacy & Cookies Policy
        Privacy Policy | Terms of Service
        Accept Read More
        Diese Website verwendet Cookies, um Ihnen den besten Service zu bieten.
        Ce site utilise des cookies pour améliorer votre visite.
        Мы используем файлы cookie, чтобы вам было удобнее на сайте.
        """,
    "video": """
        Watch this report from “Someone” discussing how it came about.
        This video is from the channel Someone on
        This video is from the channel Someone on Brighteon.com
        """,
    "share": """
        Share this:
        Share on Facebook
        Follow us on Twitter and Facebook
        Follow us on Twitter @EveningPaper.
        Follow Ann Author on Twitter: @ann_author
        Like us on Facebook.
        Follow the Paper on Facebook: https://www.facebook.com/x/ Follow the Paper on Twitter: https://twitter.com/x/
        Leave a comment
        Share Tweet Post Email
        Partager cet article
        Поделиться в Facebook
        공유하기
        """,
    "advertisement": """
        ADVERTISEMENT
        Advertisement:
        Story continues below
        Anzeige
        Publicité
        Реклама
        广告
        광고
        """,
    "copyright": """
        © 2026 The Evening Paper
        Copyright © 2019 The Evening Paper, LLC. Click here for reprint permission.
        Copyright 2019 The Associated Press. All rights reserved. This material may not be published, broadcast or
        © 2020 by King Features Syndicate
        (C) 2020 EVENING CONTENT AGENCY, LLC
        All rights reserved.
        Alle Rechte vorbehalten.
        Tous droits réservés
        Todos los derechos reservados
        Все права защищены.
        <저작권자(c) 연합뉴스, 무단 전재-재배포 금지>
        무단전재 및 재배포 금지
        版权所有，未经授权不得转载
        無断転載を禁じます
        جميع الحقوق محفوظة
        """,
    "contact": """
        news@paper.example
        Contact us at editors@paper.example.
        홍길동 기자 hong@paper.example
        기사제보: news@paper.example
        """,
    "reporting-credits": """
        (Reporting by Jane Doe in Seoul and John Roe; Editing by Al Poe)
        Additional reporting by Soo-hyang Lee; Writing by Joan Roe; Editing by Mike Poe
        """,
    "notice": """
        Disclaimer: The views expressed in this article are those of the author and not of the publisher.
        This is a sponsored post.
        （责任编辑：王明）
        """,
    "contributors": """
        The Associated Press contributed to this report.
        AP writer Jane Doe in Seoul contributed to this report.
        • Dave Doe and Kay Roe contributed to this story from Seoul.
        Contributing: The Associated Press
        """,
    "feed-footer": """
        © writer for The Digital Times, 2015. | Permalink | No comment | Add to del.icio.us
        """,
    "picture-credit": """
        Photo: AFP
        Foto: Jane Doe
        사진=연합뉴스
        """,
}

STORY: Final = """
    The post of defence minister first appeared in 1953 in the cabinet of North Korea.
    The post of prime minister first appeared in North Korea.
    Copyright lawsuits filed since 2023 have multiplied.
    Copyright 2023 was a turning point for courts, lawyers said.
    Copyright: a history of the law in Korea
    Watch the full interview with President Putin, who spoke on Monday.
    Watch this space: the vote is on Tuesday.
    We use cookies to bake a cake for the leader, the chef said.
    This site uses cookies to track your browsing without consent, the court said.
    By continuing to arm Kyiv you accept the risk of war, Putin said of the terms.
    Originally published by the ministry in Pyongyang, the decree bans foreign films.
    First published by Random House, a revised edition appeared in May.
    This story of love, which was first published in Paris, moved the readers.
    The report was first published in March by the ministry.
    This report was first published in March.
    The bill was originally published by the Senate in 2001.
    He first appeared on stage at the age of six.
    The story first appeared as a rumour.
    Sources: Kim visited the plant
    Source: Obama, Ryan exchange shifts tone
    Source: officials who asked not to be named because they were not allowed to speak
    Source of the river: the Alps
    Источник: Ким посетил завод
    出处：金正恩访问了工厂并会见了工人们
    This report first appeared in the Evening Paper, whose editor was arrested on Friday.
    “We use cookies to improve your experience,” the banner read.
    Start the day with scams in your inbox and you will lose money, police warn.
    Copyright Act 1976
    (c) Kim Jong Un
    Source: Kim Visits Plant
    Views expressed by the minister are those of his own party.
    The views expressed in the survey are those of voters alone.
    Image: A Life in Pictures
    사진: 평양 시내 모습
    Avec Macron et Scholz
    Mit Material der Polizei
    By Order Of The Council
    Von Kiew Nach Moskau
    Все права защищены Конституцией России
    Поделиться в Москве нечем
    관련 기사에 따르면 회담이 열렸다
    기사 제보는 경찰에 하라고 말했다
    分享到场的人
    未经授权使用武器
    版权所有者提起诉讼
    This post was shared by Donald Trump.
    First reported by Bellingcat.
    Read the room, the senator said.
    Lire la suite sur place coûte cher
    Leer más en casa es bueno
    Читать дальше в школе запретили
    Read more about history, he told students.
    See the full picture, he urged.
    Click here to vote, the banner said before the site was blocked.
    Share prices fell by a tenth.
    Share on, the teacher told the class.
    Privacy is a right, the court said.
    Follow-up talks are planned for May.
    Follow us on the road to Pyongyang: the story of a defector.
    Find us on the map, the villagers ask.
    Visit Her at Your Peril | Barkskins https://youtu.example/0I
    Comments by Kim were broadcast.
    Related parties were excluded from the vote, as the rules of the exchange demand.
    Related charges: the two were accused of spying.
    Related: officials said three ministers had fled.
    Recommended dose: 5 mg a day.
    Subscribers of the newspaper were told on Monday.
    Subscribe to the view that newsletters will save the press, and you will be disappointed.
    Sign up for the army or face prison, updates to the law say.
    Please subscribe to these rules, the e-mail to staff said.
    Get your inbox to zero, the minister told clerks.
    Accept nothing less, he said.
    Advertisement revenue fell by 10 percent.
    Loading of the ships ended on Monday.
    All rights reserved to the people under the constitution were suspended.
    This video is from 2014, when protesters took the square.
    Photo: soldiers march through the square on Monday.
    Editing by committee ruined the film, she said.
    Reporting by the outlet showed that the bridge was unsafe.
    Rising prices contributed to this report's gloomy tone.
    The ministry contributed to this report by the UN, which blamed it.
    By 1990 the war was over.
    By Christmas Eve the troops were home
    By land and sea
    Von der Leyen traf den Minister.
    Anzeige wurde erstattet, sagte ein Sprecher.
    Weiterlesen wollte er nicht.
    Lire la suite de ce roman, c’est comprendre le pays.
    Читать дальше было невозможно, сказал он.
    Подробнее о визите рассказал Песков.
    Реклама запрещена в стране с 2020 года.
    Подписывайтесь под этим заявлением, сказал депутат.
    Все права защищены законом, заявил министр.
    От Москвы до Пхеньяна восемь часов
    저작권자는 손해배상을 청구했다.
    무단 전재 논란이 커지고 있다.
    기사 제보자는 경찰에 출석했다.
    광고 시장이 얼어붙고 있다.
    阅读全文的读者会发现不同的结论。
    广告收入下降了百分之十。
    関連する企業は調査を受けた。
    © AFP 2023 / TORSTEN BLACKWOOD 2008 年 1 月 11 日，一座巨大的冰山从海岸断裂。
    The agency (TASS) said the plant had reopened.
    """


def lines(block: str) -> tuple[str, ...]:
    """The examples of a block."""
    return tuple(line.strip() for line in block.strip().splitlines())
