"""One picture through several codecs at equal bytes or at equal PSNR: what crops.py and compare.py show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from benchmarks import metrics
from benchmarks.baselines import Contender, Pixels
from runtime import search
from runtime.codec import Codec

_KNOBS = {"jpeg": (1, 100), "jpegli": (1, 100), "webp": (0, 100), "avif": (0, 99)}  # at 100 libaom knows no tune=iq


def knobs(peer: Contender) -> tuple[int, int]:
    """Return a peer's lowest and highest quality, whole numbers; bytes and PSNR grow with it but for small dents."""
    return _KNOBS.get(peer.name.split("-")[0], (round(peer.settings[0]), round(peer.settings[-1])))


@dataclass(frozen=True)
class Version:
    """A picture as one codec makes it."""

    codec: str
    """gargalo, or the peer's name"""
    data: bytes
    pixels: Pixels
    """(H, W, 3) uint8 RGB, decoded"""
    psnr_db: float
    ssimulacra2: float | None
    """None, as the next, for pictures too small for it"""
    butteraugli: float | None

    @property
    def bpp(self) -> float:
        return 8 * len(self.data) / (self.pixels.shape[0] * self.pixels.shape[1])


def ours(codec: Codec, pixels: Pixels, *, bpp: float | None = None, quality: float = 75) -> Version:
    """Return our version of a picture: the best in at most `bpp` bits a pixel, or that of a quality."""
    if bpp is None:
        data = codec.encode(pixels, quality)
    else:
        data = search.encode(codec, pixels, search.Target(bpp=bpp))
    return _version("gargalo", data, codec.decode(data), pixels)


def with_bytes(peer: Contender, pixels: Pixels, wanted: int) -> Version:
    """Return a peer's smallest version of at least `wanted` bytes, its largest where it has none of them.

    So a peer has never fewer bytes than ours, unless it cannot spend them.
    """
    encode = cache(lambda knob: peer.encode(pixels, knob))
    data = encode(_first(lambda knob: len(encode(knob)) >= wanted, *knobs(peer)))
    return _version(peer.name, data, peer.decode(data), pixels)


def with_psnr(peer: Contender, pixels: Pixels, wanted_db: float) -> Version:
    """Return a peer's version whose PSNR is nearest to the wanted one."""
    encode = cache(lambda knob: peer.encode(pixels, knob))
    psnr_db = cache(lambda knob: metrics.psnr_db(pixels, peer.decode(encode(knob))))
    lowest, highest = knobs(peer)
    knob = _first(lambda knob: psnr_db(knob) >= wanted_db, lowest, highest)
    data = encode(min((max(knob - 1, lowest), knob), key=lambda knob: abs(psnr_db(knob) - wanted_db)))
    return _version(peer.name, data, peer.decode(data), pixels)


def columns(codec: Codec, pixels: Pixels, bpp: float, peers: Sequence[Contender]) -> list[Version]:
    """Return each peer's version with at least our bytes, then ours."""
    own = ours(codec, pixels, bpp=bpp)
    return [*(with_bytes(peer, pixels, len(own.data)) for peer in peers), own]


def _version(name: str, data: bytes, decoded: Pixels, pixels: Pixels) -> Version:
    psnr_db = metrics.psnr_db(pixels, decoded)
    if metrics.why_not_for_the_eye(pixels):
        return Version(name, data, decoded, psnr_db, None, None)
    seen = metrics.ssimulacra2(pixels, decoded), metrics.butteraugli(pixels, decoded)
    return Version(name, data, decoded, psnr_db, *seen)


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """Return the lowest number at which it holds, the highest where it holds nowhere."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
