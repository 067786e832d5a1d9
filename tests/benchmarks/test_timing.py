"""Clocks that are held to what they say: order, medians, and nothing left behind."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import timing


def test_calls_are_interleaved_after_a_round_that_is_not_timed() -> None:
    order, ticks = [], []
    calls = {name: lambda name=name: order.append(name) for name in "ab"}
    times_ms = timing.interleaved_ms(calls, 2, lambda: ticks.append(1))
    assert order == ["a", "b"] * 3
    assert len(ticks) == 4
    assert all(0 <= ms < 1000 for ms in times_ms.values())


def test_the_median_outlives_one_slow_round() -> None:
    waits_s = iter([0, 0, 0.2, 0])  # the first is not timed
    assert timing.interleaved_ms({"a": lambda: time.sleep(next(waits_s))}, 3)["a"] < 190


class Networks:
    def run(self, name: str, *inputs: Any) -> Any:
        time.sleep(0.1 * len(inputs))
        return [name, *inputs]


def test_the_share_outside_the_graphs_is_what_is_left_of_the_time() -> None:
    codec = SimpleNamespace(networks=Networks())

    def call() -> None:
        assert codec.networks.run("start", "seen") == ["start", "seen"]
        assert codec.networks.run("fine_third", "state", "seen") == ["fine_third", "state", "seen"]
        time.sleep(0.1)

    assert timing.share_outside_graphs(codec, call, 3) == pytest.approx(0.25, abs=0.2)
    assert "run" not in vars(codec.networks)


def nap() -> timing.Call:
    return lambda: time.sleep(1)


def test_pictures_a_second_count_all_jobs() -> None:
    rate = timing.per_second(nap, 8, jobs=4)
    assert 1 < rate < 4  # more than one after the other, on a busy machine too
