"""What export and runtime agree on: names, strides, fixed-point formats. Everything here is part of FORMAT.md."""

FORMAT = 3
"""Version of the stream format, the byte after the magic."""

LEVELS = 5
"""Wavelet levels that the networks predict; one more makes z."""
PARTS = ("first", "second", "third")
"""What is coded of a level, in this order: the two halves of its luma details, and its chroma details."""
NETWORKS = ("start", *(f"{where}_{part}" for where in ("coarse", "fine") for part in PARTS), "synthesis")
"""The last one is optional; the others tell means and scales."""

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

GRID_ZERO = 128
"""Zero point of all that networks take and give."""
VALUE_STEPS = 8
"""Values are in eighths of a quantisation step."""
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
WORTH_BITS = 4
"""Fractional bits of what a symbol is worth."""
WORTH = tuple(
    round(2 ** (eighths / 8) * (VALUE_STEPS << WORTH_BITS)) for eighths in range(-MASKING_MOST, MASKING_MOST + 1)
)
"""What a symbol is worth in values for each eighth of an octave of masking, in 2 ** -WORTH_BITS."""
INDEX_BITS = 6
"""Fractional bits of scale indexes before they are floored."""
INDEX_PER_OCTAVE = 4
INDEX_GAIN = 32
"""What one unit of a network's scale adds to an index in 2 ** -INDEX_BITS: an eighth of an octave."""
SHIFTS = range(-8, 8)
"""What a tile's stream may add to the scale indexes of a band."""
INDEX_ZERO_LOG2 = -3.5
"""Scale index 0 stands for a scale of 2 ** -3.5 steps and less: such residuals are zero and are not coded."""

ONE = 1 << 12
"""What the constants below are in units of."""
LIFTING = (-6497, -217, 3616, 1817)
"""The wavelet's four lifting steps."""
COLOURS = ((2365, 2365, 2365), (2896, 0, -2896), (-1672, 3344, -1672))
"""Luma and two chroma signals from red, green and blue."""

SIDE_LIMIT_PX = 1 << 20
