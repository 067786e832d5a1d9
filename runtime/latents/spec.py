"""The fixed-point formats of latents, in export as in the runtime; part of FORMAT.md, as what is repeated here."""

from runtime.spec import GRID_ZERO as GRID_ZERO
from runtime.spec import INDEX_PER_OCTAVE as INDEX_PER_OCTAVE
from runtime.spec import INDEX_ZERO_LOG2 as INDEX_ZERO_LOG2

LEVEL_STEPS = 32
"""Steps of the stream's level byte between two anchors of the rate scale."""
LEVEL_PLANES = 8
"""Constant planes that tell networks the level, in units of 1 / LEVEL_STEPS."""

VALUE_STEPS = 8
"""Values are in eighths of a quantisation step."""
LARGEST_VALUE = 32767
"""Values are clamped to this and its negative less one."""
GATE_ONE = 32
"""A gate of so much adds all of what luma lets one guess of chroma."""
LARGEST_SLOPE = 2.0
"""Slopes of chroma by luma are between plus and minus this."""
LARGEST_GUESS = LARGEST_VALUE - 255
"""With guesses of at most so much 16 bits hold means."""
STEP_FRACTION = 64
"""Quantisation steps are stored as log2 in units of 1 / 64 octave."""
EXP2 = tuple(round(2 ** (i / 64) * 2**14) for i in range(64))
"""2 ** (i / 64) in units of 2 ** -14."""
STEP_BITS = 6
"""Fractional bits of quantisation steps in pixel levels."""
COEFFICIENT_BITS = 4
"""Fractional bits of coefficients in pixel levels where they are whole: in the encoder, and where masking sums them."""
GAIN_BITS = 4
"""Fractional bits of a gain, the values that a symbol stands for."""
INDEX_BITS = 6
"""Fractional bits of scale indexes before they are floored."""
INDEX_UNIT = 32
"""What one unit of a network's scale adds to an index in 2 ** -INDEX_BITS: an eighth of an octave."""
SHIFTS = range(-8, 8)
"""What a tile's stream may add to the scale indexes of a band."""

COLOUR_COUNT, BANDS = 3, 3
"""Colours, and details of each that the wavelet splits off."""
ONE = 1 << 12
"""What the constants below are in units of."""
LIFTING = (-6497, -217, 3616, 1817)
"""The wavelet's four lifting steps."""
COLOURS = ((2365, 2365, 2365), (2896, 0, -2896), (-1672, 3344, -1672))
"""Luma and two chroma signals from red, green and blue."""
