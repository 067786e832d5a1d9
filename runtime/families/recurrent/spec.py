"""What export and runtime agree on about the progressive codec: its network, its iterations, its units.

Everything here is part of docs/format/recurrent.md.
"""

from runtime.latents.spec import BANDS, COLOUR_COUNT
from runtime.networks import Network

NETWORKS = (Network("iteration", "both"),)
PHASES_IN_ORDER = (0, 3, 1, 2)
"""Phases of 2 x 2 details as packed: the first two make one half of the checkerboard, the others the other."""
DETAILS = COLOUR_COUNT * BANDS
PACKED, HALF, Z = 4 * DETAILS, 2 * DETAILS, COLOUR_COUNT + DETAILS
"""Channels of a level's packed details, of a half of the checkerboard, and of z, which takes the first ones."""
CONSTANTS = 8
"""Input planes that tell the network where it is: which level (in the first six), which half, which threshold."""
SEEN = 2 * PACKED + CONSTANTS
GRID = 32
"""Units of what networks see and say: 1 / GRID."""
LEAST_LEVELS, MOST_LEVELS = 3, 5
"""Wavelet levels with details; one more where z is split again."""
MOST_PLANES = 13
"""Then 16 bits hold the integers."""

TOP_OCTAVE = 13
"""log2 of the first threshold."""
OFFSETS = 16
"""All thresholds of a file may be smaller by so many parts of an octave, fewer than all."""
MOST_AT_ONCE = 4
"""What an integer may become when it becomes significant: more than 1 where codes of earlier planes were left out."""

LOGIT_UNITS = 8
"""Log-odds are in eighths of a nat."""
LOGIT_MOST = 96
"""They are clamped to this."""
LOGIT_SKIP = -64
"""At log-odds of significance that are no larger nothing is coded."""
BASE_UNITS = 16
"""What is added to log-odds is in so many parts of their unit."""
BINS = 24
"""Log-odds are put into so many bins, a nat wide, to look up where in its interval a coefficient is put."""
PLACE_BITS = 8
"""Fractional bits of coefficients in thresholds."""
CODED_MOST = 32
"""Codes have tables for log-odds from minus to plus this many quarters of a nat."""
TABLES = 2 * CODED_MOST + 1
"""The first so many tables are those of binary codes, as many more those of sizes."""
