"""The constants that export and runtime share for the wavelet pyramid: names, strides, fixed-point formats.

Everything here is part of FORMAT.md; what other families share is in `runtime/latents/spec.py`, and repeated here.
"""

from runtime.latents.spec import BANDS as BANDS
from runtime.latents.spec import COEFFICIENT_BITS as COEFFICIENT_BITS
from runtime.latents.spec import COLOUR_COUNT as COLOUR_COUNT
from runtime.latents.spec import COLOURS as COLOURS
from runtime.latents.spec import EXP2 as EXP2
from runtime.latents.spec import GAIN_BITS as GAIN_BITS
from runtime.latents.spec import GATE_ONE as GATE_ONE
from runtime.latents.spec import GRID_ZERO as GRID_ZERO
from runtime.latents.spec import INDEX_BITS as INDEX_BITS
from runtime.latents.spec import INDEX_PER_OCTAVE as INDEX_PER_OCTAVE
from runtime.latents.spec import INDEX_UNIT as INDEX_UNIT
from runtime.latents.spec import INDEX_ZERO_LOG2 as INDEX_ZERO_LOG2
from runtime.latents.spec import LARGEST_GUESS as LARGEST_GUESS
from runtime.latents.spec import LARGEST_SLOPE as LARGEST_SLOPE
from runtime.latents.spec import LARGEST_VALUE as LARGEST_VALUE
from runtime.latents.spec import LEVEL_PLANES as LEVEL_PLANES
from runtime.latents.spec import LEVEL_STEPS as LEVEL_STEPS
from runtime.latents.spec import LIFTING as LIFTING
from runtime.latents.spec import ONE as ONE
from runtime.latents.spec import SHIFTS as SHIFTS
from runtime.latents.spec import STEP_BITS as STEP_BITS
from runtime.latents.spec import STEP_FRACTION as STEP_FRACTION
from runtime.latents.spec import VALUE_STEPS as VALUE_STEPS
from runtime.networks import Network
from runtime.spec import FORMAT as FORMAT

LEVELS = 5
"""Wavelet levels that the networks predict; one more makes z."""
MIDDLE = 2
"""The wavelet level that may have networks of its own; else it has those of the coarser levels."""
PARTS = ("first", "second", "third")
"""What is coded of a wavelet level, in this order: the two halves of its luma details, and its chroma details."""
NETWORKS = (
    Network("start", "both"),
    *(Network(f"coarse_{part}", "both") for part in PARTS),
    *(Network(f"middle_{part}", "both", optional="middle") for part in PARTS),
    *(Network(f"fine_{part}", "both") for part in PARTS),
    Network("synthesis", "enhance", optional="synthesis"),
)
"""The last one corrects pixels; the others tell means and scales."""
LAYER_ENDS = (1 + 3 * len(PARTS), 1 + 4 * len(PARTS), 1 + 5 * len(PARTS))
"""Parts up to the end of each layer: z and wavelet levels 5 to 3, level 2, level 1."""

STRIDE_PX = 1 << (LEVELS + 1)
"""Pixels per position of z, and per position of the packed details of the coarsest level."""
PHASES = 4
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

MASKING_LARGEST = 2047
"""Values beyond this count as this where masking sums them: then 32 bits hold the sum."""
MASKING_MOST = 6
"""Steps follow the detail of the wavelet level before by at most so many eighths of an octave."""
DARK_MOST = 4
"""Steps are finer in the dark by at most so many eighths of an octave."""
MASKINGS = range(-MASKING_MOST - DARK_MOST, MASKING_MOST + 1)
"""What masking may be, in eighths of an octave, by detail and luma together."""
GAINS = tuple(round(2 ** (eighths / 8) * (VALUE_STEPS << GAIN_BITS)) for eighths in MASKINGS)
"""Gain, the values that a symbol stands for, for each of MASKINGS, in 2 ** -GAIN_BITS."""
SLOPE_RIDGE = 16.0
"""Keeps slopes of chroma by luma small where luma has little detail, in squared pixel levels."""
RIDGE_STEPS = 2
"""So do so many steps of chroma, squared, as one detail that was coded would lead to a large slope."""
LARGEST_GATE = 1024
"""Gates are between plus and minus this."""
PART_BANDS = (Z, *(BANDS, BANDS, (COLOUR_COUNT - 1) * BANDS) * LEVELS)
"""The number of each part's bands, whose scale indexes may be corrected: wavelet bands of a colour, channels of z."""
