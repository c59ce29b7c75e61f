"""Clusters of which one worker computes otherwise."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

from face_classifier.pipeline.spread import task
from face_classifier.pipeline.spread.local import LocalCluster

ODD = "ODD_WORKER"  # a folder that the odd worker makes, so that there is one
_T = TypeVar("_T")


@cache
def _be_odd() -> None:
    """The first process that asks computes otherwise from then on."""
    try:
        os.mkdir(os.environ[ODD])
    except FileExistsError:
        return
    usual = task.canary
    task._canary.cache_clear()
    task.canary = lambda engine: replace(usual(engine), digest="0123456789abcdef")  # type: ignore[attr-defined]


def carry_out(function: Callable[..., _T], *arguments: Any) -> _T:
    """Runs in the worker."""
    _be_odd()
    return function(*arguments)


def carry_out_late(function: Callable[..., _T], *arguments: Any) -> _T:
    """The same, but the first process that is asked for chapters of a source that was looked at before."""
    if function is task.analyse:
        _be_odd()
    return function(*arguments)


class OddCluster(LocalCluster):
    def submit(self, function: Callable[..., _T], /, *arguments: Any) -> Future[_T]:
        return super().submit(carry_out, function, *arguments)


class LateOddCluster(LocalCluster):
    def submit(self, function: Callable[..., _T], /, *arguments: Any) -> Future[_T]:
        return super().submit(carry_out_late, function, *arguments)
