"""HTTP: the bytes of attachments and stickers, for those who have the signed link."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from tests.standin.world import World


class Media:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        path = "/attachments/{channel_id}/{attachment_id}/{name}"
        return [
            web.get(path, self.file),
            web.get(f"/media{path}", self.file),
            web.get("/stickers/{name}", self.sticker),
        ]

    async def file(self, request: web.Request) -> web.Response:
        found = self._world.files.get(int(request.match_info["attachment_id"]))
        if found is None or request.query.get("hm") != parse_qs(urlsplit(found.url).query)["hm"][0]:
            return web.Response(status=404, text="This content is no longer available.")
        return web.Response(body=found.data, content_type=found.content_type or "application/octet-stream")

    async def sticker(self, request: web.Request) -> web.Response:
        id_ = request.match_info["name"].partition(".")[0]
        found = self._world.files.get(int(id_))
        if found is None:
            return web.Response(status=404)
        return web.Response(body=found.data, content_type="image/png")
