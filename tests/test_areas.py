"""Areas and blocks: everything of a picture is made once, where it belongs."""

import numpy as np
import pytest

from runtime.areas import Area, Blocks, Reach, bands, cut, even_sides, padded, region_in, squares
from runtime.errors import InputError

PICTURE = Area(0, 0, 300, 520)
HERE = Reach(0, 0)


@pytest.mark.parametrize("height, width", [(1, 1), (16, 16), (17, 640), (513, 512), (2000, 700)])
@pytest.mark.parametrize("tile_px", [64, 128, 512])
def test_tiles_cover_all_grids_once(height: int, width: int, tile_px: int) -> None:
    grids = {stride: np.zeros((-(-height // stride), -(-width // stride)), int) for stride in (4, 16, 64)}
    for tile in squares(Area(0, 0, height, width), tile_px):
        for stride, grid in grids.items():
            grid[tile.on(stride)] += 1
            assert grid[tile.on(stride)].shape == tile.shape(stride)
    assert all((grid == 1).all() for grid in grids.values())


def test_an_area_grows_to_whole_positions_and_stops_at_the_edges() -> None:
    area = Area(64, 128, 128, 192)
    assert area.grown(HERE, 16, PICTURE) == area
    assert area.grown(Reach(48, 0), 16, PICTURE) == Area(16, 80, 128, 192)
    assert area.grown(Reach(48, 1), 64, PICTURE) == Area(0, 64, 192, 256)
    assert area.grown(Reach(1000, 1000), 64, PICTURE) == PICTURE
    assert Area(100, 130, 101, 131).grown(HERE, 16, PICTURE) == Area(96, 128, 112, 144)


def test_what_is_coded_has_sides_of_whole_strides() -> None:
    assert padded(150, 203, 64) == Area(0, 0, 192, 256)
    assert padded(64, 1, 8) == Area(0, 0, 64, 8)


def test_a_region_is_an_area_within_the_picture() -> None:
    assert region_in(PICTURE, (20, 10, 500, 290)) == Area(10, 20, 300, 520)
    for region in ((20, 10, 501, 290), (0, 0, 0, 1), (-1, 0, 2, 2), (0, 0, 1), (0.0, 0, 1, 1), None):
        with pytest.raises(InputError, match="region"):
            region_in(PICTURE, region)  # type: ignore[arg-type]


def test_sides_are_about_as_asked_and_cut_evenly() -> None:
    assert even_sides(Area(0, 0, 4000, 6000), 1024, 64) == (1024, 1024)
    assert even_sides(Area(0, 0, 1080, 1920), 1024, 64) == (1088, 960)
    assert even_sides(Area(0, 0, 1, 1), 1024, 64) == (64, 64)
    for length in range(1, 5000, 37):
        side, _ = even_sides(Area(0, 0, length, 1), 512, 64)
        assert side % 64 == 0 and side <= 1.5 * 512 and -(-length // side) <= max(1, round(length / 512))


def test_blocks_give_any_area_and_are_made_once() -> None:
    grid = np.arange(3 * 19 * 33).reshape(3, 19, 33)  # of 16 pixels a position
    made: list[Area] = []

    def make(part: Area) -> list[np.ndarray]:
        made.append(part)
        return [grid[:, *part.on(16)]]

    random = np.random.default_rng(0)
    blocks = Blocks(make, PICTURE, (128, 64), 16)
    for _ in range(50):
        top, left, height, width = 16 * random.integers([0, 0, 1, 1], [18, 32, 12, 20])
        area = Area(int(top), int(left), min(300, int(top + height)), min(520, int(left + width)))
        assert np.array_equal(blocks.take(area), grid[:, *area.on(16)])
    assert len(made) == len(set(made))


def test_forgotten_blocks_are_those_before_the_area_row_by_row() -> None:
    made: list[Area] = []

    def make(part: Area) -> list[np.ndarray]:
        made.append(part)
        return [np.zeros((1, *part.shape(16)))]

    blocks = Blocks(make, PICTURE, (64, 64), 16)
    blocks.take(PICTURE)
    count = len(made)
    blocks.forget(Area(64, 128, 80, 144))
    blocks.take(Area(64, 128, 300, 520))
    assert len(made) == count
    blocks.take(Area(64, 64, 80, 80))
    assert len(made) == count + 1


def test_what_is_above_a_forgotten_area_takes_no_memory() -> None:
    grid = np.arange(3 * 19 * 33).reshape(3, 19, 33)  # of 16 pixels a position
    made: list[Area] = []

    def make(part: Area) -> list[np.ndarray]:
        made.append(part)
        return [grid[:, *part.on(16)]]

    blocks = Blocks(make, PICTURE, (128, 128), 16)
    blocks.prepare(Area(0, 0, 200, 520))
    count = len(made)
    blocks.forget(Area(96, 0, 200, 520))
    blocks.forget(Area(176, 0, 200, 520))
    assert sum(arrays[0].nbytes for _, arrays in blocks._made.values()) == grid[:, 176 // 16 : 256 // 16].nbytes
    below = Area(176, 0, 240, 520)
    assert np.array_equal(blocks.take(below), grid[:, *below.on(16)])
    assert len(made) == count == 10


@pytest.mark.parametrize("threads", [1, 3])
def test_blocks_that_threads_make_are_the_same(threads: int) -> None:
    grid = np.arange(3 * 19 * 33).reshape(3, 19, 33)
    blocks = Blocks(lambda part: [grid[:, *part.on(16)]], PICTURE, (64, 64), 16, threads=threads)
    assert np.array_equal(blocks.take(PICTURE), grid)


@pytest.mark.parametrize("height", [1, 1024, 1025, 4000])
@pytest.mark.parametrize("tile_px, window_px", [(1024, 512), (1024, 1024), (64, 512), (4096, 512), (64, 64)])
@pytest.mark.parametrize("lag_px", [0, 320])
def test_bands_need_no_tile_before_its_turn(height: int, tile_px: int, window_px: int, lag_px: int) -> None:
    whole = padded(height, 700, 64)
    for wanted in (
        Area(0, 0, height, 700),
        Area(height // 3, 5, height, 6),
        Area(height // 3, 0, height // 2 + 1, 700),
    ):
        rows = list(bands(whole, tile_px, wanted, window_px, lag_px))
        assert rows[0][:2] == wanted[:2] and rows[-1][2:] == wanted[2:]
        for above, below in zip(rows, rows[1:], strict=False):
            assert above.bottom == below.top < below.bottom
            assert (above.bottom + lag_px) % tile_px == 0
            assert above.bottom - above.top <= max(tile_px, window_px) or above.top == 0


def test_blocks_of_a_region_begin_at_its_corner() -> None:
    assert list(cut(Area(16, 32, 100, 128), (64, 64)))[:2] == [Area(16, 32, 80, 96), Area(16, 96, 80, 128)]


def test_an_area_takes_its_part_of_an_outer_one() -> None:
    grid = np.arange(3 * 19 * 33).reshape(3, 19, 33)  # of 16 pixels a position
    outer, inner = Area(32, 64, 160, 320), Area(48, 96, 112, 320)
    part = inner.of(grid[:, *outer.on(16)], outer, 16)
    assert np.array_equal(part, grid[:, *inner.on(16)])
    assert part.flags.c_contiguous and part.base is None
    assert outer.of(grid[:, *outer.on(16)], outer, 16).shape == (3, 8, 16)


def test_what_areas_have_in_common_is_in_both() -> None:
    assert Area(0, 0, 64, 128).common(Area(32, 64, 128, 192)) == Area(32, 64, 64, 128)
    assert Area(16, 16, 32, 32).common(PICTURE) == Area(16, 16, 32, 32)


def test_blocks_of_several_grids_are_made_together_and_once() -> None:
    """As a tile's values are: of z and of each wavelet level."""
    strides = (64, 16, 4)
    random = np.random.default_rng(2)
    grids = [random.random((3, -(-300 // stride), -(-520 // stride))) for stride in strides]
    made: list[Area] = []

    def make(part: Area) -> list[np.ndarray]:
        made.append(part)
        return [grid[:, *part.on(stride)] for grid, stride in zip(grids, strides, strict=True)]

    blocks = Blocks(make, PICTURE, (128, 128), *strides)
    for area in (Area(64, 64, 256, 320), PICTURE, Area(128, 128, 256, 256), Area(192, 0, 300, 520)):
        for number, (grid, stride) in enumerate(zip(grids, strides, strict=True)):
            assert np.array_equal(blocks.take(area, number), grid[:, *area.on(stride)])
    assert len(made) == len(set(made)) == 15
