"""The reference decoders of all families."""

import json
from typing import Any

import numpy as np
import reference_autoencoder
import reference_decoder
import reference_recurrent

DECODERS: dict[str, Any] = {
    "pyramid": reference_decoder.decode,
    "autoencoder": reference_autoencoder.decode,
    "recurrent": reference_recurrent.decode,
}
"""By the family that a bundle's manifest names."""


def families() -> dict[str, str]:
    """Return the families of the shipped bundles by their ids."""
    manifests = [json.loads(path.read_text()) for path in reference_decoder.WEIGHTS.glob("*/manifest.json")]
    return {manifest["id"]: manifest.get("family", "pyramid") for manifest in manifests}


def decode(data: bytes, **how: Any) -> np.ndarray:
    """Return the picture of a stream of a shipped bundle, by the decoder of its family and with what that one takes."""
    pixels: np.ndarray = DECODERS[families()[data[6:14].hex()]](data, **how)
    return pixels
