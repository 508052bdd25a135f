"""The emoji service: which emoji there are. Environment: GRPC_PORT."""

import asyncio
import os

import emoji_pb2 as pb
import grpc
import rpc
from catalog import EMOJI

ALL = pb.ListAllEmojiResponse(list=[pb.Emoji(unicode=glyph, shortcode=code) for code, glyph in EMOJI.items()])


async def list_all(_request: pb.ListAllEmojiRequest, _context: grpc.aio.ServicerContext) -> pb.ListAllEmojiResponse:
    return ALL


async def find_by_shortcode(
    request: pb.FindEmojiByShortcodeRequest, _context: grpc.aio.ServicerContext
) -> pb.FindEmojiByShortcodeResponse:
    glyph = EMOJI.get(request.shortcode)
    emoji = pb.Emoji(unicode=glyph, shortcode=request.shortcode) if glyph else None
    return pb.FindEmojiByShortcodeResponse(emoji=emoji)


def main() -> None:
    methods: dict[str, rpc.Method] = {"ListAll": list_all, "FindByShortcode": find_by_shortcode}
    asyncio.run(rpc.serve(int(os.environ["GRPC_PORT"]), rpc.handlers(pb, "EmojiService", methods)))


if __name__ == "__main__":
    main()
