"""What export and runtime agree on about the wavelet pyramid: names, strides, fixed-point formats.

Everything here is part of FORMAT.md; what other families share is in `runtime/spec.py`, and repeated here.
"""

from runtime.networks import Network
from runtime.spec import FORMAT as FORMAT
from runtime.spec import GRID_ZERO as GRID_ZERO
from runtime.spec import INDEX_PER_OCTAVE as INDEX_PER_OCTAVE
from runtime.spec import INDEX_ZERO_LOG2 as INDEX_ZERO_LOG2

LEVELS = 5
"""Wavelet levels that the networks predict; one more makes z."""
PARTS = ("first", "second", "third")
"""What is coded of a level, in this order: the two halves of its luma details, and its chroma details."""
NETWORKS = (
    Network("start", "both"),
    *(Network(f"{where}_{part}", "both") for where in ("coarse", "fine") for part in PARTS),
    Network("synthesis", "enhance"),
)
"""The last one is optional; the others tell means and scales."""
LAYER_ENDS = (1 + 3 * len(PARTS), 1 + 4 * len(PARTS), 1 + 5 * len(PARTS))
"""Parts up to the end of each layer: z and wavelet levels 5 to 3, level 2, level 1."""

STRIDE_PX = 1 << (LEVELS + 1)
"""Pixels per position of z, and per position of the packed details of the coarsest level."""
COLOUR_COUNT, BANDS, PHASES = 3, 3, 4
DETAILS = COLOUR_COUNT * BANDS
PACKED = DETAILS * PHASES
"""Channels of a level's details, and of these packed by 2 x 2."""
Z = COLOUR_COUNT + DETAILS
"""Channels of z: the low band of one level more, and its details."""
HALVES = ((0, 3), (1, 2))
"""The phases of 2 x 2 that make the halves of the checkerboard."""
LUMA_HALF, CHROMA = BANDS * 2, (COLOUR_COUNT - 1) * BANDS * PHASES
"""Channels of what is coded at a time."""
SEEN_START, SEEN_FIRST, SEEN_OTHER = 32, 32, 16
"""Input channels of networks beside the state: values, level planes, and the zero point up to here."""
SYNTHESIS_PX, SYNTHESIS_SEEN = 4, 64
"""Side of the squares of pixels that the synthesis net sees as channels, and its input channels with level planes."""

LEVEL_STEPS = 32
"""Steps of the stream's level byte between two anchors of the rate scale."""
LEVEL_PLANES = 8
"""Constant planes that tell networks the level, in units of 1 / LEVEL_STEPS."""

VALUE_STEPS = 8
"""Values are in eighths of a quantisation step."""
LARGEST_VALUE = 32767
"""Values are clamped to this and its negative less one."""
STEP_FRACTION = 64
"""Quantisation steps are stored as log2 in units of 1 / 64 octave."""
EXP2 = tuple(round(2 ** (i / 64) * 2**14) for i in range(64))
"""2 ** (i / 64) in units of 2 ** -14."""
STEP_BITS = 6
"""Fractional bits of quantisation steps in pixel levels."""
COEFFICIENT_BITS = 4
"""Fractional bits of coefficients in pixel levels where they are whole: in the encoder, and where masking sums them."""
MASKING_LARGEST = 2047
"""Values beyond this count as this where masking sums them: then 32 bits hold the sum."""
MASKING_MOST = 4
"""Steps follow the detail of the level before by at most so many eighths of an octave."""
GAIN_BITS = 4
"""Fractional bits of a gain."""
GAINS = tuple(
    round(2 ** (eighths / 8) * (VALUE_STEPS << GAIN_BITS)) for eighths in range(-MASKING_MOST, MASKING_MOST + 1)
)
"""Gain, the values that a symbol stands for, for each eighth of an octave of masking, in 2 ** -GAIN_BITS."""
INDEX_BITS = 6
"""Fractional bits of scale indexes before they are floored."""
INDEX_UNIT = 32
"""What one unit of a network's scale adds to an index in 2 ** -INDEX_BITS: an eighth of an octave."""
SHIFTS = range(-8, 8)
"""What a tile's stream may add to the scale indexes of a band."""

ONE = 1 << 12
"""What the constants below are in units of."""
LIFTING = (-6497, -217, 3616, 1817)
"""The wavelet's four lifting steps."""
COLOURS = ((2365, 2365, 2365), (2896, 0, -2896), (-1672, 3344, -1672))
"""Luma and two chroma signals from red, green and blue."""
