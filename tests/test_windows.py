"""Areas, blocks and frames: everything of a picture is made once, where it belongs."""

import numpy as np
import pytest

from runtime.windows import HERE, Area, Blocks, Frame, Reach, cut, even_sides, half, put_half, squares

PICTURE = Area(0, 0, 300, 520)


@pytest.mark.parametrize("height, width", [(1, 1), (16, 16), (17, 640), (513, 512), (2000, 700)])
@pytest.mark.parametrize("tile_px", [64, 128, 512])
def test_tiles_cover_both_grids_once(height: int, width: int, tile_px: int) -> None:
    latent = np.zeros((-(-height // 16), -(-width // 16)), int)
    hyper = np.zeros((-(-height // 64), -(-width // 64)), int)
    for tile in squares(Area(0, 0, height, width), tile_px):
        latent[tile.on(16)] += 1
        hyper[tile.on(64)] += 1
        assert latent[tile.on(16)].shape == tile.shape(16)
    assert (latent == 1).all() and (hyper == 1).all()


def test_an_area_grows_to_whole_positions_and_stops_at_the_edges() -> None:
    area = Area(64, 128, 128, 192)
    assert area.grown(HERE, 16, PICTURE) == area
    assert area.grown(Reach(48, 0), 16, PICTURE) == Area(16, 80, 128, 192)
    assert area.grown(Reach(48, 1), 64, PICTURE) == Area(0, 64, 192, 256)
    assert area.grown(Reach(1000, 1000), 64, PICTURE) == PICTURE
    assert Area(100, 130, 101, 131).grown(HERE, 16, PICTURE) == Area(96, 128, 112, 144)


def test_sides_are_about_as_asked_and_cut_evenly() -> None:
    assert even_sides(Area(0, 0, 4000, 6000), 1024) == (1024, 1024)
    assert even_sides(Area(0, 0, 1080, 1920), 1024) == (1088, 960)
    assert even_sides(Area(0, 0, 1, 1), 1024) == (64, 64)
    for length in range(1, 5000, 37):
        side, _ = even_sides(Area(0, 0, length, 1), 512)
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
        top, left = 16 * random.integers(0, 18), 16 * random.integers(0, 32)
        area = Area(
            top, left, min(300, top + 16 * random.integers(1, 12)), min(520, left + 16 * random.integers(1, 20))
        )
        assert np.array_equal(blocks.take(area), grid[:, *area.on(16)])
    assert len(made) == len(set(made))


def test_blocks_of_another_type_are_not_cut_to_the_first_one_s() -> None:
    """A hostile tile may hold residuals of 32 bits beside others of 16."""
    tiles = {0: np.int16(5), 64: np.int32(1 << 20)}
    blocks = Blocks(lambda part: [np.full((1, 4, 4), tiles[part.left])], Area(0, 0, 64, 128), (64, 64), 16)
    assert blocks.take(Area(0, 0, 64, 128)).max() == 1 << 20


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


def test_blocks_of_a_region_begin_at_its_corner() -> None:
    assert list(cut(Area(16, 32, 100, 128), (64, 64)))[:2] == [Area(16, 32, 80, 96), Area(16, 96, 80, 128)]


@pytest.mark.parametrize("core", [Area(0, 0, 64, 64), Area(64, 128, 128, 192), Area(256, 464, 300, 520), PICTURE])
def test_a_frame_s_halves_are_the_picture_s(core: Area) -> None:
    known = core.grown(Reach(16, 16), 16, PICTURE)
    frame = Frame(core, known, known)
    rows, columns = np.mgrid[0:19, 0:33]
    grid = (100 * rows + columns)[None].repeat(2, 0)
    around, inside = grid[:, *known.on(16)], grid[:, *core.on(16)]
    odd = (rows + columns) & 1
    first, second = frame.halves_of(around)
    assert np.array_equal(first, inside[:, odd[core.on(16)] == 0])
    assert np.array_equal(second, inside[:, odd[core.on(16)] == 1])
    assert np.array_equal(frame.first_of(around), around[:, odd[known.on(16)] == 0])
    assert np.array_equal(frame.joined(first, second), inside)
    changed = around.copy()
    frame.with_first(changed, np.zeros_like(frame.first_of(around)))
    assert np.array_equal(changed, around * odd[known.on(16)])


def test_halves_of_any_shape_are_the_checkerboard_and_go_back() -> None:
    for height, width, odd in np.ndindex(6, 6, 2):
        grid = np.arange(2 * (height + 1) * (width + 1)).reshape(2, height + 1, width + 1)
        mine = (np.add.outer(np.arange(height + 1), np.arange(width + 1)) + odd) % 2 == 0
        assert np.array_equal(half(grid, odd), grid[:, mine])
        back = np.zeros_like(grid)
        put_half(back, half(grid, odd), odd)
        assert np.array_equal(back, grid * mine)
