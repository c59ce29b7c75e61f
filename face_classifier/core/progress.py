"""Who is told how a long piece of work goes on."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

from face_classifier.core.names import shown

_T = TypeVar("_T")


class Teller(Protocol):
    """Whoever is told what went wrong."""

    def problem(self, sentence: str) -> None:
        """Something went wrong that does not stop the work."""

    def at_end(self, sentence: str) -> None:
        """Something was passed over, which is told when all is done."""


class Observer(Teller, Protocol):
    """Whoever watches a long piece of work from outside."""

    def through(self, steps: Sequence[_T], name: str) -> Iterator[_T]:
        """The same steps one by one, shown as they are done."""


class Log:
    """The observer of those who have no screen: a logger's warnings."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def problem(self, sentence: str) -> None:
        self._logger.warning(shown(sentence))

    at_end = problem

    def through(self, steps: Sequence[_T], name: str) -> Iterator[_T]:
        yield from steps
