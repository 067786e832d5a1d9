"""PBM, PGM and PPM, in digits and in bytes, of every kind of maxval (netpbm's pbm, pgm and ppm pages); PAM and PFM."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from pictures.files.case import Array, Case, fine, gray, levels, packed, rgb, rgba, scaled, seen_gray

MAXVALS = (1, 3, 15, 100, 255, 256, 1023, 4095, 65535)


def digits(values: Array) -> bytes:
    """Return numbers in lines of at most 70 characters."""
    flat = [str(value) for value in values.ravel()]
    return b"\n".join(" ".join(flat[at : at + 11]).encode() for at in range(0, len(flat), 11)) + b"\n"


def pnm(kind: int, values: Array, maxval: int | None, comment: bytes = b"") -> bytes:
    """Return a file of kind P1 to P6; more than 8 bits are stored high byte first."""
    head = b"P%d\n%s%d %d\n" % (kind, comment, values.shape[1], values.shape[0])
    head += b"%d\n" % maxval if maxval is not None else b""
    if kind == 4:
        return head + packed(values, 1)
    return head + (digits(values) if kind < 4 else values.astype(">u2" if (maxval or 0) > 255 else "u1").tobytes())


def pam(values: Array, maxval: int, kind: bytes) -> bytes:
    depth = values.shape[2] if values.ndim == 3 else 1
    head = b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH %d\n" % (values.shape[1], values.shape[0], depth)
    body = values.astype(">u2" if maxval > 255 else "u1").tobytes()
    return head + b"MAXVAL %d\nTUPLTYPE %s\nENDHDR\n" % (maxval, kind) + body


def pfm(values: Array) -> bytes:
    """Return a gray PFM: rows from the bottom, a negative scale for little endian."""
    return b"Pf\n%d %d\n-1.0\n" % values.shape[::-1] + values[::-1].astype("<f4").tobytes()


def cases() -> Iterator[Case]:
    bits = levels(gray(), 1)
    for kind in (1, 4):  # here 1 is black
        yield Case(f"pbm/p{kind}", partial(pnm, kind, 1 - bits, None), bits * 255)
    close = "\n".join("".join(map(str, row)) for row in 1 - bits).encode()
    yield Case("pbm/p1-no-spaces", lambda: b"P1 38 27\n" + close, bits * 255)
    for kind in (2, 5, 3, 6):
        picture, name = (gray(), "pgm") if kind in (2, 5) else (rgb(), "ppm")
        for maxval in MAXVALS:
            values = fine(levels(picture, maxval), maxval)
            note = "8 bits" if maxval > 255 else ""
            make = partial(pnm, kind, values, maxval)
            yield Case(f"{name}/p{kind}-maxval{maxval}", make, scaled(values, maxval), note=note)
    for kind, name in ((4, "pbm"), (5, "pgm"), (6, "ppm")):
        picture = bits if kind == 4 else gray() if kind == 5 else rgb()
        top = None if kind == 4 else 255
        comment = b"# made by hand 9 9\n"
        stored = 1 - picture if kind == 4 else picture
        want = picture * 255 if kind == 4 else picture
        yield Case(f"{name}/p{kind}-comment", partial(pnm, kind, stored, top, comment), want)
        cut = pnm(kind, stored, top)[:-40]
        yield Case(f"{name}/p{kind}-cut-off", partial(bytes, cut), reason="")
    yield Case("ppm/p6-head-in-a-line", lambda: b"P6 38 27 255 " + rgb().astype(np.uint8).tobytes(), rgb())
    textual = rgb().copy()
    textual[0, :3] = [(35, 10, 32), (10, 35, 9), (49, 50, 51)]  # bytes that are #, spaces, digits as text
    yield Case("ppm/p6-samples-like-text", partial(pnm, 6, textual, 255), textual)
    parts = pnm(3, rgb(), 255).split(b"\n")
    parts[9:9] = [b"# in between 1 2 3"]
    yield Case("ppm/p3-comment-inside", lambda: b"\n".join(parts), rgb())
    # A sample above maxval has no meaning.
    yield Case("pgm/p5-above-maxval", partial(pnm, 5, gray(), 100), np.minimum(gray(), 100) * 2.55, reason="")

    with_alpha = np.dstack([gray(), rgba()[:, :, 3]])
    tuples = {
        "GRAYSCALE": (gray(), gray()),
        "GRAYSCALE_ALPHA": (with_alpha, seen_gray(gray(), with_alpha[:, :, 1])),
        "RGB": (rgb(), rgb()),
        "RGB_ALPHA": (rgba(), rgba()),
    }
    for letters, (values, seen) in tuples.items():  # not claimed: right or refused
        for maxval in (255, 65535):
            stored = levels(values, maxval)
            make = partial(pam, stored, maxval, letters.encode())
            yield Case(f"pam/{letters.lower()}-maxval{maxval}", make, seen, reason="")
    yield Case("pam/blackandwhite", partial(pam, bits, 1, b"BLACKANDWHITE"), bits * 255, reason="")
    yield Case("pfm/gray", partial(pfm, gray() / 255), gray(), reason="")
