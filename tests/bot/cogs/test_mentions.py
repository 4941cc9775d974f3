"""Commands in what the bot says can be pressed, under the name that each reader's Discord shows."""

from __future__ import annotations

import re
from pathlib import Path

from bot.bridge.mentions import CommandMentions
from bot.conversation.channel_settings import Mode
from tests.bot.cogs.speaking import mode, moderator
from tests.bot.discord_world import World, picture, tell


def test_commands_in_sentences_can_be_pressed_also_after_a_restart(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        ids = {command.name: command.id for command in await world.client.tree.fetch_commands()}
        for _ in range(2):
            said = (await moderator(world).slash(world.channel, "mode set", mode="classify")).response
            assert said is not None
            assert said.content.endswith(f"give it labels with </labels set:{ids['labels']}>.")

            shown = (await world.alice.slash(world.channel, "help")).response
            assert shown is not None
            fields = "\n".join(str(field.value) for embed in shown.embeds for field in embed.fields)
            assert f"</ask:{ids['ask']}>: ask about a picture" in fields
            assert f"</prefix set:{ids['prefix']}>: how captions begin" in fields
            assert not re.search(r"(?<!<)/\w", fields), "each command can be pressed"

            # In public too, where an answer needs something that moderators have to do.
            await mode(world, Mode.CLASSIFY)
            await world.ask("", picture())
            assert f"sets them with </labels set:{ids['labels']}>." in world.answers()[-1].content
            await world.restart()

    tell(tmp_path, story)


def test_what_people_and_the_model_write_is_left_alone(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.ask("how do I use /ask?", picture())
        assert world.answer().content == "With /ask, or `/mode set`."
        said = "/help me; see https://example.org/help or /helpful or a/b or </help:1>."
        within = world.client.tree.mentions.within(said)
        assert re.sub(r"^</help:\d+>", "/help", within) == said

    tell(tmp_path, story, "With /ask, or `/mode set`.")


def test_a_discord_that_knows_no_commands_gets_them_written_out() -> None:
    mentions = CommandMentions()
    mentions.learn([])
    assert mentions.within("Choose it with /mode set.") == "Choose it with /mode set."
