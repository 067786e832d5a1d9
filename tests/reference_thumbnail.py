"""docs/format/thumbnail.md in numpy.

What is as in docs/format/recurrent.md is taken from its own reference decoder.
"""

import binascii
import bisect
from pathlib import Path

import numpy as np
import reference_decoder as page
import reference_recurrent as recurrent

PLANES = [32, 32, 32, 32, 20, 12, 6, 1, -3]
FIRST_PLANES = [[32, 12, 0, -10], [20, 20, 12, 3, -4, -6], [20, 14, 4, -6, -12]]


class EndError(ValueError):
    """A code is not told."""


class Message:
    """The codes of a message, with what stands in front."""

    thrifty = 1

    def __init__(self, data: bytes, slots: list[list[int]], planes: int, grids: int) -> None:
        self.data, self.slots, self.at, self.span = data, slots, 6, 2**48
        self.number = int.from_bytes(data[:6].ljust(6, b"\0"))
        self.planes = 1 + self.count(planes - 1, PLANES)
        self.offset = sum(bit * self.count(1, [0]) for bit in (8, 4, 2, 1))
        self.starts: list[int] = []
        for grid in range(grids):
            least = max(self.starts[-1] - 2, 0) if grid else 0
            self.starts.append(least + self.count(15 - least, FIRST_PLANES[min(grid, 2)]))

    def code(self, table: int) -> int:
        """The next symbol."""
        unit, u = self.span >> 14, 256 ** max(self.at - len(self.data), 0)
        slots = (min(number // unit, 2**14 - 1) for number in (self.number, self.number + u - 1))
        symbol, other = (bisect.bisect_right(self.slots[table], slot) - 1 for slot in slots)
        if symbol != other:
            raise EndError(f"the message ends before byte {self.at}")
        start, end = self.slots[table][symbol : symbol + 2]
        self.number, self.span = self.number - start * unit, (end - start) * unit
        while self.span < 2**40:
            self.number = 256 * self.number + (self.data[self.at] if self.at < len(self.data) else 0)
            self.span, self.at = 256 * self.span, self.at + 1
        return symbol

    def count(self, most: int, log_odds: list[int]) -> int:
        """A number from 0 to `most`."""
        return next((n for n in range(most) if not self.code(32 + log_odds[min(n, len(log_odds) - 1)])), most)

    def tell(self, known: np.ndarray, a: np.ndarray, tables: list[np.ndarray]) -> np.ndarray:
        """Fills in what is known after an iteration, and says of which coefficients it was told."""
        told = (known == 0) & (a <= -64)
        places = [tuple(place) for place in np.argwhere(~told).tolist()]
        places.sort(key=lambda place: (known[place] != 0, -a[place] if known[place] == 0 else 0))
        try:
            for place in places:
                known[place] = self.coefficient(int(known[place]), *(int(table[place]) for table in tables))
                told[place] = True
        except EndError:
            pass
        return told

    def coefficient(self, k: int, significance: int, bit: int, size: int) -> int:
        """What is known of one after its codes."""
        if k:
            return 2 * k + self.code(bit) * (1 if k > 0 else -1)
        if not self.code(significance):
            return 0
        sign = 2 * self.code(bit) - 1
        return sign * (1 + self.code(size))


def decode(data: bytes, bundle: Path) -> np.ndarray:
    """The picture (32, 32, 3) of a file that was made with a bundle."""
    page.need(4 <= len(data) <= 2048 and 0xA0 <= data[0] <= 0xBF, "not a thumbnail")
    page.need(data[0] in (0xA0, 0xBF), "an unknown model")
    prior, slots = recurrent.open_prior(bundle)
    check = binascii.crc_hqx(page.id_of(bundle, recurrent.NETWORKS) + data[:1] + data[3:], 0xFFFF)
    page.need(check == int.from_bytes(data[1:3], "little"), "does not match its check")
    grids = recurrent.blank_grids(prior, 32, 32)
    message = Message(data[3:], slots, len(prior["base_a"]), len(grids))
    level = 16 * (message.planes - 1) + message.offset
    recurrent.read_tile(message, bundle, prior, level, grids)
    return recurrent.picture(prior, level, grids).transpose(1, 2, 0).astype(np.uint8)
