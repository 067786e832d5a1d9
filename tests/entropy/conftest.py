import pytest


@pytest.fixture(scope="module", autouse=True)
def on_both(core: str) -> None:
    """Has all tests here run on the numpy twins and on the compiled core."""
