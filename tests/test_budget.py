"""The bytes of a series: never above the budget in sum, near it where pictures allow."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.budget import Budget

LOWEST, HIGHEST = 0, 480


def stream(complexity: float, calls: list[int] | None = None):  # type: ignore[no-untyped-def]
    """Return a picture whose size grows with the level as real ones do: threefold every 100 levels."""

    def at_level(level: int) -> bytes:
        assert LOWEST <= level <= HIGHEST
        if calls is not None:
            calls.append(level)
        return bytes(int(complexity * 3 ** (level / 100)))

    return at_level


def test_a_steady_scene_uses_nearly_all_of_it_in_about_four_packings() -> None:
    calls: list[int] = []
    budget = Budget(20_000)
    sizes = [len(budget.encode(stream(700 * (1 + 0.02 * (i % 3)), calls), LOWEST, HIGHEST) or b"") for i in range(200)]
    assert 0.97 * 200 * 20_000 <= sum(sizes) <= 200 * 20_000
    assert len(calls) / 200 <= 4.5


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(1, 60_000), min_size=1, max_size=60), st.floats(100, 50_000))
def test_the_sum_is_never_above_the_budget(complexities: list[float], share: float) -> None:
    budget, spent = Budget(share), 0
    for number, complexity in enumerate(complexities, 1):
        data = budget.encode(stream(complexity), LOWEST, HIGHEST)
        spent += len(data or b"")
        assert spent <= number * share
        assert data is not None or len(stream(complexity)(LOWEST)) > share


def test_a_picture_too_large_for_its_share_waits_for_what_is_saved() -> None:
    budget = Budget(1000)
    kept = [budget.encode(stream(2500), LOWEST, HIGHEST) is not None for _ in range(30)]
    assert kept[:3] == [False, False, True] and sum(kept) == 12


def test_a_night_s_savings_are_not_spent_on_one_morning_picture() -> None:
    budget = Budget(10_000)
    for _ in range(1000):
        budget.encode(stream(10), LOWEST, HIGHEST)  # even the highest level takes 1.9 KB
    sizes = np.array([len(budget.encode(stream(500), LOWEST, HIGHEST) or b"") for _ in range(20)])
    assert sizes[0] <= 3 * 10_000 and sizes.sum() <= (20 + 16) * 10_000
