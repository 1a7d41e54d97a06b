"""A message as the HTML of an e-mail: a card for each incident, red while it lasts and green when it is over.

What belongs here: layout that mail programs keep, which know tables and styles of an element and little more; and escaping.
What does not: words.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

from meter_platform.alerts.sections import Section

_RED: Final = "#b3261e"
_GREEN: Final = "#1b7f3b"
_INK: Final = "#1c1e21"
_GREY: Final = "#606770"

_PAGE: Final = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title></head>
<body style="margin:0;background:#f2f3f5;color:{ink};font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding:24px 12px">
{cards}
<p style="max-width:600px;margin:16px auto 0;font-size:12px;line-height:18px;color:{grey};text-align:left">{footer}</p>
</td></tr></table>
</body></html>
"""

_CARD: Final = """\
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:600px;margin:0 auto 16px;\
background:#ffffff;border:1px solid #dadde1;border-top:4px solid {colour};border-radius:6px;text-align:left">
<tr><td style="padding:20px 24px 4px"><p style="margin:0;font-size:12px;color:{colour};font-weight:bold">{state}</p>
<h1 style="margin:4px 0 0;font-size:19px;line-height:26px">{title}</h1></td></tr>
<tr><td style="padding:8px 24px">
<table role="presentation" cellpadding="0" cellspacing="0" style="font-size:14px;line-height:21px">
{facts}
</table></td></tr>
<tr><td style="padding:4px 24px 20px;font-size:14px;line-height:21px">{advice}{link}</td></tr>
</table>"""

_FACT: Final = (
    '<tr><td style="padding:3px 16px 3px 0;color:{grey};white-space:nowrap;vertical-align:top">{label}</td>'
    '<td style="padding:3px 0;vertical-align:top">{value}</td></tr>'
)

_BUTTON: Final = (
    '<p style="margin:12px 0 0"><a href="{href}" style="display:inline-block;padding:9px 16px;background:{ink};'
    'color:#ffffff;text-decoration:none;border-radius:4px;font-weight:bold">{text}</a></p>'
)


def page(title: str, sections: Sequence[Section], more: str, footer: str) -> str:
    """The document.

    Args:
        title: of the message.
        sections: its incidents.
        more: a line after them; may be empty.
        footer: in small letters.
    """
    cards = [_card(section) for section in sections] + ([f"<p>{escape(more)}</p>"] if more else [])
    return _PAGE.format(title=escape(title), cards="\n".join(cards), footer=escape(footer), ink=_INK, grey=_GREY)


def _card(section: Section) -> str:
    return _CARD.format(
        colour=_GREEN if section.is_over else _RED,
        state="OVER" if section.is_over else "NEEDS ATTENTION",
        title=escape(section.title),
        facts="\n".join(
            _FACT.format(label=escape(label), value=escape(value), grey=_GREY) for label, value in section.facts
        ),
        advice=f'<p style="margin:0">{escape(section.advice)}</p>' if section.advice else "",
        link=_BUTTON.format(href=escape(section.link), text=escape(section.link_text), ink=_INK)
        if section.link
        else "",
    )
