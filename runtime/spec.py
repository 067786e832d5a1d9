"""What export and runtime agree on: names, strides, fixed-point formats. Everything here is part of FORMAT.md."""

FORMAT = 1
"""Version of the stream format, the byte after the magic."""

NETWORKS = ("analysis", "hyper_analysis", "hyper_synthesis", "context", "synthesis")
DECODER_FILES = ("hyper_synthesis.onnx", "context.onnx", "synthesis.onnx", "prior.npz")
"""Files whose bytes decide what a stream means; their hash is the bundle id."""

LATENT_STRIDE_PX = 16
HYPER_STRIDE = 4
"""Latents per hyper-latent and direction."""
HYPER_STRIDE_PX = LATENT_STRIDE_PX * HYPER_STRIDE
DEPTH_PX = 8
"""Side of the pixel squares that the networks see as channels: 8 * 8 * 3 = 192."""

LEVEL_STEPS = 32
"""Steps of the stream's level byte between two anchors of the rate scale."""
LEVEL_PLANES = 16
"""Constant planes after the latents that tell context and synthesis the level, in units of 1 / LEVEL_STEPS."""

GRID_ZERO, GRID_LOW, GRID_HIGH = 128, -128, 127
"""8-bit grids are stored with this zero point; their centred integers lie between the other two."""

STEP_FRACTION = 64
"""Quantisation steps are stored as log2 in units of 1 / 64 octave."""
EXP2 = tuple(round(2 ** (i / 64) * 2**14) for i in range(64))
"""2 ** (i / 64) in units of 2 ** -14."""
HYPER_STEP_BITS = 4
"""Fractional bits of the quantisation steps of z."""
INDEX_BITS = 14
"""Fractional bits of scale indexes before they are floored."""
INDEX_PER_OCTAVE = 4
INDEX_ZERO_LOG2 = -3.25
"""Scale index 0 stands for a scale of 2 ** -3.25 steps and less: such residuals are zero and are not coded."""
FRACTION_BITS = 11
"""Fractional bits of pixels in the linear synthesis."""

SIDE_LIMIT_PX = 1 << 20
