"""Messages as Discord shows them, roughly: an imitation of its look in HTML, of messages that are real."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import discord

STYLES = {1: "#5865f2", 2: "#43444b", 3: "#248045", 4: "#d22d39"}
"""Of buttons."""
AVATARS = {"Idefics": "#2c6e63", "Alice": "#b5577a", "Bob": "#5a6bb0"}
LOOK = Path(__file__).with_suffix(".css")


def page(*content: str) -> str:
    return f'<!doctype html><meta charset="utf-8"><style>{LOOK.read_text()}</style>{"".join(content)}'


def place(sign: str, name: str) -> str:
    """The head of a channel or thread."""
    return f'<p class="place"><span>{sign}</span> {html.escape(name)}</p>'


async def shown(message: discord.Message, *, thread: str = "", only: str = "") -> str:
    """A message; `thread` opens from it, it is `only` for somebody."""
    name = _name(message.author)
    tag = " <small>APP</small>" if message.author.bot else ""
    parts = [f'<p class="name">{html.escape(name)}{tag}</p>']
    if message.content:
        parts.append(f'<p class="text">{_marked(message.content, message)}</p>')
    parts += [_embed(each, message) for each in message.embeds]
    parts.append(await _files(message.attachments))
    rows = [row for row in message.components if isinstance(row, discord.ActionRow)]
    parts += [f'<div class="row">{"".join(map(_component, row.children))}</div>' for row in rows]
    if thread:
        parts.append(f'<p class="thread"><b>{html.escape(thread)}</b><i>See thread</i></p>')
    if only:
        parts.append(f'<p class="only">{html.escape(only)}</p>')
    avatar = f'<div class="avatar" style="background:{AVATARS[name]}">{name[0]}</div>'
    return (
        f'<div class="message">{_replied_to(message)}{avatar}<div class="said">{"".join(parts)}</div></div>'
    )


def _replied_to(message: discord.Message) -> str:
    resolved = message.reference.resolved if message.reference is not None else None
    if not isinstance(resolved, discord.Message):
        return ""
    text = (
        _marked(resolved.content.splitlines()[0], resolved) if resolved.content else "<i>See attachment</i>"
    )
    return f'<p class="replies"><b>@{html.escape(_name(resolved.author))}</b> {text}</p>'


def _name(author: discord.User | discord.Member) -> str:
    return "Idefics" if author.bot else author.display_name


async def _files(attachments: Sequence[discord.Attachment]) -> str:
    images = []
    for each in attachments:
        data = base64.b64encode(await each.read()).decode()
        kind = "webp" if each.filename.endswith("webp") else "png"
        wide = ' class="wide"' if each.filename in ("labels.png", "statistics.png") else ""
        images.append(f'<img{wide} src="data:image/{kind};base64,{data}">')
    return f'<div class="files">{"".join(images)}</div>' if images else ""


def _component(one: Any) -> str:
    if isinstance(one, discord.SelectMenu):
        chosen = next((option.label for option in one.options if option.default), one.placeholder or "")
        return f'<span class="select">{html.escape(chosen)}<b>⌄</b></span>'
    off = ' class="off"' if one.disabled else ""
    return f'<span{off} style="background:{STYLES[one.style.value]}">{html.escape(one.label or "")}</span>'


def _embed(embed: discord.Embed, message: discord.Message) -> str:
    fields = "".join(
        f"<div{' class=inline' if field.inline else ''}><h4>{html.escape(field.name or '')}</h4>"
        f'<p class="text">{_marked(field.value or "", message)}</p></div>'
        for field in embed.fields
    )
    described = f'<p class="text">{_marked(embed.description, message)}</p>' if embed.description else ""
    footer = f"<footer>{html.escape(embed.footer.text)}</footer>" if embed.footer.text else ""
    title = f"<b>{html.escape(embed.title)}</b>" if embed.title else ""
    return f'<div class="embed">{title}{described}<div class="fields">{fields}</div>{footer}</div>'


def _marked(text: str, message: discord.Message) -> str:
    """Of Discord's Markdown what the bot writes."""
    names = {user.id: _name(user) for user in message.mentions}
    said = html.escape(text, quote=False)
    said = re.sub(
        r"&lt;@(\d+)&gt;",
        lambda match: f'<span class="mention">@{html.escape(names.get(int(match[1]), "Idefics"))}</span>',
        said,
    )
    said = re.sub(r"&lt;(/[\w ]+):\d+&gt;", r'<span class="mention">\1</span>', said)
    said = re.sub(r"`(.+?)`", r"<code>\1</code>", said)
    said = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", said)
    return re.sub(r"(?m)^-# (.+)$", r'<span class="small">\1</span>', said)
