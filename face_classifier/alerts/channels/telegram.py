"""Tells chats of Telegram of alerts, and answers the commands of those that may ask.

The token is a part of every address, so neither the library's log nor its exceptions leave this module.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent import futures
from datetime import timedelta
from typing import Any, TypeVar

from face_classifier.alerts.channels.base import Alert, ChannelError
from face_classifier.alerts.channels.bot import COMMANDS, Answer, Desk, answer
from face_classifier.core.config.parts.alerts import TelegramChannel
from face_classifier.core.errors import UserError
from face_classifier.core.names import in_utf8

os.environ.setdefault("PTB_TIMEDELTA", "true")  # the library's times as they will be: else it warns of them

from telegram import Bot, BotCommand, BotCommandScopeChat, InputMediaPhoto, Update
from telegram.constants import MediaGroupLimit, MessageLimit
from telegram.error import BadRequest, ChatMigrated, Conflict, Forbidden, InvalidToken, RetryAfter, TelegramError
from telegram.ext import ApplicationBuilder, ContextTypes, ExtBot, MessageHandler, filters
from telegram.request import HTTPXRequest

logger = logging.getLogger(__name__)
for _library in ("telegram", "httpx", "httpcore"):  # their records hold addresses with the token
    logging.getLogger(_library).addHandler(logging.NullHandler())
    logging.getLogger(_library).propagate = False

T = TypeVar("T")
_FINAL = BadRequest, Forbidden, ChatMigrated  # errors of what will never be taken
_POLL = 25  # seconds for which the other side holds a question for news
_SENDING = 40.0  # seconds for an alert, with its picture, to all chats
_WAITS = 1.0, 2.0, 4.0, 8.0, 15.0, 30.0  # seconds before the next question after errors
_REFUSED = 60.0  # seconds, where the token is none
_PATIENCE = 60.0  # seconds that an answer waits at most where the other side asks for rest
_REMEMBERED = 200  # alerts of which is known which chats have them
_STRANGERS = 5  # chats that may not ask, whose numbers are told


class Telegram:
    """A channel; with a `Desk` also the bot. It has an event loop in a thread of its own."""

    wants_all = False

    def __init__(
        self, channel: TelegramChannel, environ: Mapping[str, str] = os.environ, desk: Desk | None = None
    ) -> None:
        """Begins at once, whether or not the other side can be reached.

        Parameters
        ----------
        channel : which chats are told and may ask, and where the token is
        environ : of the token
        desk : what is asked of the program; None: no command is taken

        Raises
        ------
        UserError : there is no token
        """
        self._token = channel.token.read(environ) or ""
        self._chats, self._desk = channel.chats, desk
        self._delivered: OrderedDict[str, set[int]] = OrderedDict()  # chats that have an alert, by its id
        self._requests = HTTPXRequest(read_timeout=10, write_timeout=10), HTTPXRequest(1, read_timeout=10)
        self._bot: Bot = ExtBot(
            self._token,
            f"{channel.server.rstrip('/')}/bot",
            request=self._requests[0],
            get_updates_request=self._requests[1],
        )
        self._listener = _Listener(self._bot, self._chats, desk, self._sentence) if desk else None
        self._loop = asyncio.new_event_loop()
        self._work = self._loop.create_task(self._main())
        self._thread = threading.Thread(target=self._run, name="telegram", daemon=True)
        self._thread.start()

    @property
    def strangers(self) -> int:
        """How many messages came from chats that may not ask."""
        return self._listener.strangers if self._listener else 0

    # Channel

    def send(self, alert: Alert) -> None:
        """See `Channel`. A chat that has it already does not get it again, unless the program was started anew."""
        try:
            self._in_loop(self._tell(alert), _SENDING)
        except TelegramError as error:
            failure = self._failure(error)
        else:
            return
        raise failure

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._work.cancel)
            self._thread.join(0.45)

    def _in_loop(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """Do something in the loop's thread. Raises ChannelError where that has ended, or has no time."""
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:
            work.close()
            raise ChannelError("the Telegram bot has ended") from None
        try:
            return future.result(seconds)
        except futures.CancelledError:
            raise ChannelError("the Telegram bot has ended") from None
        except futures.TimeoutError:
            future.cancel()
            raise ChannelError("Telegram does not answer") from None

    async def _tell(self, alert: Alert) -> None:
        """Tell all chats. Raises the error of one of them, rather one that may be gone at the next trial."""
        had = self._delivered.setdefault(alert.id, set())
        while len(self._delivered) > _REMEMBERED:
            self._delivered.popitem(last=False)
        failures: list[TelegramError] = []
        for chat in self._chats:
            if chat in had or (self._desk and self._desk.is_snoozed(chat)):
                continue
            try:
                await self._tell_chat(chat, alert)
                had.add(chat)
            except RetryAfter:
                raise
            except TelegramError as error:
                failures.append(error)
        if failures:
            raise min(failures, key=lambda error: isinstance(error, _FINAL))

    async def _tell_chat(self, chat: int, alert: Alert) -> None:
        when = alert.event.time.astimezone()
        text = in_utf8(f"{alert.event.text}\n{when:%Y-%m-%d %H:%M:%S} ({alert.id})")
        if alert.picture and len(text) <= MessageLimit.CAPTION_LENGTH:
            try:
                await self._bot.send_photo(chat, alert.picture, caption=text)
                return
            except BadRequest:  # such as a picture that it does not take: the words are what matters
                logger.debug("Telegram does not take a picture")
        await self._bot.send_message(chat, text[: MessageLimit.MAX_TEXT_LENGTH])

    def _failure(self, error: TelegramError) -> ChannelError:
        """The same for the owner, without secrets."""
        if isinstance(error, RetryAfter):
            return ChannelError("Telegram asks to wait for a while", retry_after=_seconds(error))
        is_final = isinstance(error, _FINAL)
        return ChannelError(self._sentence(error), is_final=is_final)

    def _sentence(self, error: TelegramError) -> str:
        if isinstance(error, InvalidToken):
            return "Telegram refuses the token; see `token_env` or `token_file`, and @BotFather for the right one"
        if isinstance(error, Conflict):
            return "another program uses the same bot; stop it, or make another bot"
        if isinstance(error, ChatMigrated):
            return f"a group of Telegram has the number {error.new_chat_id} now; write that into `chats`"
        if isinstance(error, BadRequest | Forbidden):
            reason = in_utf8(error.message.replace(self._token, "…"))
            return f"Telegram does not accept it ({reason}); see `chats`, and write to the bot once from each chat"
        return f"Telegram cannot be reached ({type(error).__name__}); check whether this machine is online"

    # The loop's thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._work)
        except asyncio.CancelledError:
            pass
        finally:
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _main(self) -> None:
        try:
            if self._listener:
                await self._listener.listen()
            await asyncio.Event().wait()
        finally:
            for request in self._requests:
                await request.shutdown()


class _Listener:
    """Carries out the commands of the chats that may ask, in the loop of a bot."""

    def __init__(self, bot: Bot, chats: Sequence[int], desk: Desk, sentence: Callable[[TelegramError], str]) -> None:
        """``sentence``: what is told of an error."""
        self._bot, self._chats, self._desk, self._sentence = bot, chats, desk, sentence
        self._asking = futures.ThreadPoolExecutor(1, "telegram desk")
        self._refused: set[int] = set()
        self.strangers = 0  # messages from chats that may not ask

    async def listen(self) -> None:
        """For ever, as commands come. What was asked while the program was down is past: not even `rename`.

        The library's own `Updater` cannot be stopped while the other side does not answer its first question.
        """
        application = ApplicationBuilder().bot(self._bot).updater(None).job_queue(None).build()
        ours = filters.Chat(chat_id=self._chats)
        application.add_handler(MessageHandler(ours & filters.COMMAND, self._command))
        application.add_handler(MessageHandler(~ours, self._stranger))
        try:
            await self._again(application.initialize)
            await self._offer()
            await self._again(lambda: self._bot.delete_webhook(drop_pending_updates=True))
            after = 0
            while True:
                for update in await self._again(lambda: self._news(after)):  # noqa: B023 (it is called at once)
                    after = update.update_id + 1
                    await application.process_update(update)
        finally:
            self._asking.shutdown(wait=False, cancel_futures=True)

    def _news(self, after: int) -> Awaitable[Sequence[Update]]:
        return self._bot.get_updates(after, timeout=timedelta(seconds=_POLL), allowed_updates=[Update.MESSAGE])

    async def _again(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until there is an answer; what hinders it is told once."""
        told, count = "", 0
        while True:
            try:
                return await ask()
            except RetryAfter as error:
                wait = _seconds(error)
            except TelegramError as error:
                wait = _REFUSED if isinstance(error, InvalidToken) else _WAITS[min(count, len(_WAITS) - 1)]
                sentence, count = self._sentence(error), count + 1
                if sentence != told and (count > 1 or isinstance(error, InvalidToken)):
                    logger.warning("%s; until then no command is answered", sentence)
                    told = sentence
            await asyncio.sleep(wait)

    async def _offer(self) -> None:
        """Have the chats show the commands."""
        commands = [BotCommand(command, what) for command, what in COMMANDS.items()]
        for chat in self._chats:
            try:
                await self._bot.set_my_commands(commands, scope=BotCommandScopeChat(chat))
            except TelegramError as error:
                logger.debug("a chat is not offered the commands (%s)", type(error).__name__)

    async def _stranger(self, update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
        """A chat that may not ask gets no answer, which would tell that there is somebody."""
        self.strangers += 1
        chat = update.effective_chat
        if chat and chat.id not in self._refused and len(self._refused) < _STRANGERS:
            self._refused.add(chat.id)
            logger.info("the chat %d, which is not in `chats`, wrote to the Telegram bot, which ignores it", chat.id)

    async def _command(self, update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
        message = update.message
        if message is None or message.text is None:
            return
        word, _, rest = message.text.partition(" ")
        command, _, whose = word.removeprefix("/").partition("@")
        if whose and whose.casefold() != self._bot.username.casefold():
            return  # of another bot in the same group
        desk, chat = self._desk, message.chat_id
        try:
            given = await asyncio.get_running_loop().run_in_executor(
                self._asking, lambda: answer(desk, chat, command.casefold(), rest.strip())
            )
        except UserError as error:
            given = Answer(str(error))
        except Exception as error:
            logger.debug("a command of the Telegram bot fails", exc_info=True)
            given = Answer(f"That failed ({type(error).__name__}); the log of the program tells more")
        if command.casefold() == "status" and self.strangers:
            given = given._replace(text=f"{given.text}\n{self.strangers} messages of other chats were ignored")
        try:
            await self._reply(chat, given)
        except TelegramError as error:
            logger.debug("an answer of the Telegram bot is not taken (%s)", type(error).__name__)

    async def _reply(self, chat: int, given: Answer) -> None:
        text = in_utf8(given.text)
        size = MessageLimit.MAX_TEXT_LENGTH
        for part in [text[start : start + size] for start in range(0, len(text), size)]:
            await self._patiently(lambda part=part: self._bot.send_message(chat, part))  # type: ignore[misc]
        pictures = [
            InputMediaPhoto(picture.content, caption=in_utf8(picture.caption)[: MessageLimit.CAPTION_LENGTH])
            for picture in given.pictures
        ]
        most = MediaGroupLimit.MAX_MEDIA_LENGTH
        for group in [pictures[start : start + most] for start in range(0, len(pictures), most)]:
            await self._patiently(lambda group=group: self._show(chat, group))  # type: ignore[misc]

    async def _show(self, chat: int, group: list[InputMediaPhoto]) -> None:
        if len(group) >= MediaGroupLimit.MIN_MEDIA_LENGTH:
            await self._bot.send_media_group(chat, group)
        else:
            await self._bot.send_photo(chat, group[0].media, caption=group[0].caption)

    async def _patiently(self, ask: Callable[[], Awaitable[Any]]) -> None:
        """Ask; once more, where the other side wants to be left alone for a while before."""
        try:
            await ask()
        except RetryAfter as error:
            if _seconds(error) > _PATIENCE:
                raise
            await asyncio.sleep(_seconds(error))
            await ask()


def _seconds(error: RetryAfter) -> float:
    rest = error.retry_after
    return rest.total_seconds() if isinstance(rest, timedelta) else float(rest)
