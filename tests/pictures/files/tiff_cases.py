"""TIFF: each depth, colour model, compression, kind of alpha, orientation, layout and order of pages; camera raw."""

import struct
from collections.abc import Iterator
from functools import partial
from typing import Any

import imagecodecs
import numpy as np
from pictures.files import colour
from pictures.files.bmp import palette
from pictures.files.case import (
    NEAREST,
    Array,
    Case,
    alpha,
    fine,
    gray,
    levels,
    rgb,
    rgba,
    scaled,
    seen_gray,
    smooth,
    smooth_gray,
    turned,
)
from pictures.files.exif import xmp
from pictures.files.jpeg import edited
from pictures.files.tiff import (
    ADOBE_DEFLATE,
    ASCII,
    ASSOCIATED,
    BELOW,
    BLACK_IS_ZERO,
    BLOCKS,
    BYTE,
    CFA,
    CIELAB,
    DEFLATE,
    FLOAT,
    ICCLAB,
    JPEG,
    JPEG2000,
    LERC,
    LINEAR_RAW,
    LONG,
    LZMA,
    LZW,
    MASK,
    NONE,
    OLD_JPEG,
    PACKBITS,
    PALETTE,
    RATIONAL,
    RGB,
    SEPARATED,
    SHORT,
    SIGNED,
    UNASSOCIATED,
    UNDEFINED,
    WEBP,
    WHITE_IS_ZERO,
    YCBCR,
    ZSTD,
    Page,
    color_map,
    fax,
    one,
    page,
    saved,
    subsampled,
    tiff,
    with_bits_reversed,
)

UNREAD = "TIFF|bits|samples|read|float|sign"
"""What a refusal may say where readers need not know a layout."""


def _unsigned_cases() -> Iterator[Case]:
    """Yield gray, inverse gray, palettes and RGB of each depth, in both byte orders."""
    for bits in (1, 2, 4, 8, 12, 16, 32):
        top = (1 << bits) - 1
        reason = None if bits in (1, 8, 16) else UNREAD
        note = "8 bits" if bits > 8 else ""
        for order in "<>":
            tail = f"{bits}bit-{'little' if order == '<' else 'big'}"
            stored = fine(levels(gray(), top), top)
            seen = scaled(stored, top)
            make = partial(one, stored, BLACK_IS_ZERO, bits, order)
            yield Case(f"tif/gray-{tail}", make, seen, reason=reason, note=note)
            make = partial(one, top - stored, WHITE_IS_ZERO, bits, order)
            yield Case(f"tif/white-is-zero-{tail}", make, seen, reason=reason, note=note)
            stored = fine(levels(rgb(), top), top)
            seen = scaled(stored, top)
            for planar in (1, 2):
                make = partial(one, stored, RGB, bits, order, planar=planar)
                usual = bits == 8 or bits == 16 and planar == 1
                name = f"tif/rgb-planar{planar}-{tail}"
                yield Case(name, make, seen, reason=None if usual else UNREAD, note=note)
        if bits <= 8:
            stored, colours = levels(gray(), top), palette(1 << bits)
            make = partial(one, stored, PALETTE, bits, more=color_map(colours))
            yield Case(f"tif/palette-{bits}bit", make, colours[stored], reason=None if bits == 8 else UNREAD)
            clear = partial(one, stored, PALETTE, bits, ">", more=color_map(colours), tile=(16, 16))
            yield Case(f"tif/palette-tiles-{bits}bit", clear, colours[stored], reason=None if bits == 8 else UNREAD)
    uneven = (palette(256) * 257 + 90) % 65536  # not what 8 bits make
    make = partial(one, gray(), PALETTE, more={320: (SHORT, uneven.T.ravel().tolist())})
    yield Case("tif/palette-16bit-colours", make, uneven[gray()] / 257, 1)
    mixed = one(rgb(), RGB, more={258: (SHORT, [8, 8, 16])})
    yield Case("tif/uneven-depths", lambda: mixed, reason=UNREAD)
    void = one(rgb(), RGB, more={339: (SHORT, [4, 4, 4])})  # SampleFormat 4: undefined, to be taken for integers
    yield Case("tif/samples-of-no-format", lambda: void, rgb(), reason=UNREAD)
    bilevel = levels(gray(), 1)
    whole = page(rgb(), RGB, rows=27)
    del whole[278]  # RowsPerStrip's default is all
    yield Case("tif/rows-per-strip-not-told", partial(tiff, whole), rgb())
    yield Case("tif/fill-order2", lambda: tiff(with_bits_reversed(page(bilevel, BLACK_IS_ZERO, 1))), bilevel * 255)
    make = partial(one, 1 - bilevel, WHITE_IS_ZERO, 1, compression=PACKBITS)
    yield Case("tif/bilevel-packbits", make, bilevel * 255)
    for kind in ("group3", "group4"):
        yield Case(f"tif/fax-{kind}", partial(fax, bilevel, kind), bilevel * 255)


def _layout_cases() -> Iterator[Case]:
    """Yield compressions and predictors, in strips and tiles, one plane or three; BigTIFF."""
    lossless = {"none": NONE, "lzw": LZW, "deflate": ADOBE_DEFLATE, "old-deflate": DEFLATE, "packbits": PACKBITS}
    options: dict[str, Any]
    rare = {"zstd": ZSTD, "lzma": LZMA, "webp": WEBP, "jpeg2000": JPEG2000, "lerc": LERC}
    deep = fine(levels(rgb(), 65535), 65535)
    for name, compression in (lossless | rare).items():
        reason = UNREAD + "|compress" if name in rare else None
        for layout, options in (("strips", {}), ("tiles", {"tile": (16, 16)}), ("one-strip", {"rows": 27})):
            make = partial(one, rgb(), RGB, compression=compression, **options)
            yield Case(f"tif/{name}-{layout}", make, rgb(), reason=reason)
        if compression in (LZW, ADOBE_DEFLATE, ZSTD):
            for order in "<>":
                end = "little" if order == "<" else "big"
                make = partial(one, rgb(), RGB, 8, order, compression=compression, predictor=2)
                yield Case(f"tif/{name}-predictor-8bit-{end}", make, rgb(), reason=reason)
                make = partial(one, deep, RGB, 16, order, compression=compression, predictor=2)
                yield Case(f"tif/{name}-predictor-16bit-{end}", make, scaled(deep, 65535), reason=reason)
                make = partial(one, deep[..., 0], BLACK_IS_ZERO, 16, order, compression=compression, predictor=2)
                yield Case(f"tif/{name}-predictor-gray16-{end}", make, scaled(deep[..., 0], 65535), reason=reason)
        if compression == WEBP:  # holds no single plane
            continue
        make = partial(one, rgb(), RGB, compression=compression, planar=2, tile=(16, 32))
        yield Case(f"tif/{name}-planes-in-tiles", make, rgb(), reason=reason)
    for order, end, reason in (("<", "little", None), (">", "big", UNREAD)):
        make = partial(one, rgb(), RGB, 8, order, big=True, compression=LZW)
        yield Case(f"tif/bigtiff-{end}", make, rgb(), reason=reason)
        make = partial(one, deep, RGB, 16, order, big=True)
        yield Case(f"tif/bigtiff-16bit-{end}", make, scaled(deep, 65535), reason=reason)
    jpegs: dict[str, dict[str, Any]] = {"strips": {"rows": 16}, "tiles": {"tile": (32, 32)}, "one-strip": {"rows": 45}}
    for layout, options in jpegs.items():
        make = partial(one, smooth_gray(), BLACK_IS_ZERO, compression=JPEG, **options)
        yield Case(f"tif/jpeg-gray-{layout}", make, smooth_gray(), 3)
        make = partial(one, smooth(), YCBCR, compression=JPEG, more={530: (SHORT, [1, 1])}, **options)
        yield Case(f"tif/jpeg-ycbcr-{layout}", make, smooth(), 5)
    plain = bytes(imagecodecs.jpeg8_encode(rgb().astype(np.uint8), level=100, colorspace="rgb", outcolorspace="rgb"))
    direct = page(rgb(), RGB, rows=27) | {BLOCKS: [plain], 259: (SHORT, [JPEG])}
    yield Case("tif/jpeg-of-rgb", partial(tiff, direct), rgb(), 3)
    for name, picture in (("gray", smooth_gray()), ("rgb", smooth())):
        # as libtiff writes it: tables once, in tag 347
        make = partial(saved, picture, compression="jpeg", quality=100)
        yield Case(f"tif/jpeg-tables-{name}", make, picture, 6)
    old: Page = page(smooth(), YCBCR, rows=45)
    data = bytes(imagecodecs.jpeg8_encode(smooth().astype(np.uint8), level=100, subsampling=(1, 1)))
    old |= {BLOCKS: [data], 259: (SHORT, [OLD_JPEG]), 530: (SHORT, [1, 1])}
    yield Case("tif/old-jpeg", partial(tiff, old), smooth(), 5, reason=UNREAD + "|JPEG|compress")


def _colour_cases() -> Iterator[Case]:
    for across, down in ((1, 1), (2, 1), (2, 2)):
        make = partial(lambda a, d: tiff(subsampled(smooth(), a, d)), across, down)
        yield Case(f"tif/ycbcr-{across}x{down}", make, smooth(), 6, reason=UNREAD + "|YCbCr|colour")
    # ReferenceBlackWhite and YCbCrCoefficients (section 20 and 21): limited range, BT.709.
    narrow = (colour.ycbcr(smooth()) - [0, 128, 128]) * [219 / 255, 224 / 255, 224 / 255] + [16, 128, 128]
    one_by_one: Page = {530: (SHORT, [1, 1])}
    limits = one_by_one | {532: (RATIONAL, [(16, 1), (235, 1), (128, 1), (240, 1), (128, 1), (240, 1)])}
    make = partial(one, narrow.round().astype(np.int64), YCBCR, more=limits)
    yield Case("tif/ycbcr-limited", make, smooth(), 4, reason=UNREAD + "|YCbCr|colour")
    parts = one_by_one | {529: (RATIONAL, [(2126, 10000), (7152, 10000), (722, 10000)])}
    parts |= {532: (RATIONAL, [(0, 1), (255, 1), (128, 1), (255, 1), (128, 1), (255, 1)])}
    make = partial(one, colour.ycbcr(smooth(), 0.2126, 0.0722).round().astype(np.int64), YCBCR, more=parts)
    yield Case("tif/ycbcr-bt709", make, smooth(), 4, reason=UNREAD + "|YCbCr|colour")
    inks, printed = colour.inks(), colour.printed()
    for planar in (1, 2):
        make = partial(one, inks, SEPARATED, planar=planar)
        yield Case(
            f"tif/cmyk-planar{planar}", make, colour.inks_to_rgb(inks), 2, reason=None if planar == 1 else UNREAD
        )
    whole = np.ascontiguousarray(inks.astype(np.uint8))
    data = bytes(imagecodecs.jpeg8_encode(whole, level=100, colorspace="cmyk", outcolorspace="cmyk"))
    stored = page(inks, SEPARATED, rows=48) | {BLOCKS: [edited(data, b"", 0xEE)], 259: (SHORT, [JPEG])}
    yield Case("tif/cmyk-jpeg", partial(tiff, stored), colour.inks_to_rgb(inks), 4, reason=UNREAD + "|CMYK|JPEG")
    for planar in (1, 2):
        for layout, tile in (("strips", None), ("tiles", (16, 32))):
            make = partial(one, levels(inks, 65535), SEPARATED, 16, planar=planar, tile=tile)
            name = f"tif/cmyk-16bit-planar{planar}-{layout}"
            yield Case(name, make, colour.inks_to_rgb(inks), 2, reason=UNREAD + "|CMYK")
    make = partial(one, inks, SEPARATED, compression=LZW, predictor=2, orientation=6)
    yield Case("tif/cmyk-lzw-orientation6", make, turned(colour.inks_to_rgb(inks), 6), 2)
    icc: Page = {34675: (UNDEFINED, colour.printer())}
    yield Case(
        "tif/cmyk-profile", partial(one, printed, SEPARATED, more=icc), colour.printed_to_rgb(), 2, profile=False
    )
    make = partial(one, inks[..., :3], SEPARATED, more={332: (SHORT, [2])})  # InkSet 2: not CMYK (section 16)
    yield Case("tif/other-inks", make, reason=UNREAD + "|ink|colour|CMYK")
    lab = colour.lab()
    seen = colour.lab_to_srgb(lab)
    light = lab[..., :1] * 255 / 100
    for bits in (8, 16):
        top = (1 << bits) - 1
        both = np.concatenate([light * top / 255, lab[..., 1:] * (1 << bits - 8)], -1).round().astype(np.int64) & top
        reason = None if bits == 8 else UNREAD + "|Lab"
        # Section 23: L is 0 to 255 for 0 to 100, a and b are signed.
        yield Case(f"tif/cielab-{bits}bit", partial(one, both, CIELAB, bits), seen, 4, reason or "Lab", "")
        # ICC's form (TIFF Technical Note 4): a and b from 128 on.
        both = np.concatenate([light, lab[..., 1:] + 128], -1) * (1 if bits == 8 else 256)
        yield Case(
            f"tif/icclab-{bits}bit", partial(one, both.round().astype(np.int64), ICCLAB, bits), seen, 4, "Lab|read"
        )
    # One that forgets to convert shows a gray ramp as something else.
    make = partial(one, light[..., 0].round().astype(np.int64), CIELAB)
    yield Case("tif/cielab-l-only", make, colour.lab_to_srgb(lab * [1, 0, 0])[..., 0], 4, reason="Lab|channels|read")
    yield Case("tif/mask-only", partial(one, levels(gray(), 1), MASK, 1), reason="mask|TIFF|read")
    yield Case("tif/logluv", partial(one, rgb(), 32845), reason=UNREAD + "|Log|colour")
    for bits, form, name in ((16, FLOAT, "half"), (32, FLOAT, "float"), (64, FLOAT, "double"),
                             (8, SIGNED, "int8"), (16, SIGNED, "int16"), (32, SIGNED, "int32")):  # fmt: skip
        for kind, picture, photometric in (("gray", gray(), BLACK_IS_ZERO), ("rgb", rgb(), RGB), ("rgba", rgba(), RGB)):
            values = picture / 255 if form == FLOAT else picture // 2
            extra = (UNASSOCIATED,) if kind == "rgba" else ()
            make = partial(one, values, photometric, bits, form=form, extra=extra)
            yield Case(f"tif/{name}-{kind}", make, reason=UNREAD)


def _alpha_cases() -> Iterator[Case]:
    options: dict[str, Any]
    faint = np.maximum(alpha(), 100)  # below, associated colours are too coarse to compare
    for bits in (8, 16):
        top, note = (1 << bits) - 1, "8 bits" if bits > 8 else ""
        for planar in (1, 2):
            for layout, options in (("strips", {}), ("tiles", {"tile": (16, 16)})):
                end = f"{bits}bit-planar{planar}-{layout}"
                options = {"planar": planar} | options
                reason = None if planar == 1 else UNREAD + "|planes|alpha"
                stored = fine(levels(rgba(), top), top)
                make = partial(one, stored, RGB, bits, extra=(UNASSOCIATED,), **options)
                # Readers that multiply by alpha and divide again are off where there is little of it.
                yield Case(f"tif/rgba-unassociated-{end}", make, scaled(stored, top), reason=reason, note=note)
                colours = levels(rgb(), top) * faint[..., None] / 255
                multiplied = np.dstack([colours, levels(faint, top)]).round().astype(np.int64)
                make = partial(one, multiplied, RGB, bits, extra=(ASSOCIATED,), **options)
                within = 0.5 * 255 / 100 + 1
                seen = np.dstack([rgb(), faint])
                yield Case(f"tif/rgba-associated-{end}", make, seen, within, reason=reason, note=note)
                stored = fine(levels(np.dstack([gray(), alpha()]), top), top)
                make = partial(one, stored, BLACK_IS_ZERO, bits, extra=(UNASSOCIATED,), **options)
                seen = seen_gray(scaled(stored[..., 0], top), scaled(stored[..., 1], top))
                yield Case(f"tif/gray-alpha-{end}", make, seen, reason=UNREAD + "|planes|alpha|channels")
                stored = fine(levels(rgba(), top), top)  # section 18, ExtraSamples 0: no alpha
                make, seen = partial(one, stored, RGB, bits, extra=(0,), **options), scaled(stored[..., :3], top)
                within = 1 if bits == 16 else NEAREST  # in a rare layout the low byte may be cut off
                yield Case(
                    f"tif/rgb-unspecified-{end}",
                    make,
                    seen,
                    within,
                    reason=UNREAD + "|planes|extra",
                    note="bits" if note else "",
                )
    stored = np.dstack([gray(), (gray() * faint / 255).round().astype(np.int64), faint])[..., 1:]
    make = partial(one, stored, BLACK_IS_ZERO, extra=(ASSOCIATED,))
    yield Case("tif/gray-associated", make, seen_gray(gray(), faint), 3.7, reason=UNREAD + "|alpha|channels")
    stored = np.dstack([rgb(), gray()])
    make = partial(one, stored, RGB)  # a fourth sample that nothing tells of
    yield Case(
        "tif/four-samples-not-told",
        make,
        (rgb(), stored),
        reason=UNREAD + "|channels|extra|alpha",
    )


def _plane_cases() -> Iterator[Case]:
    """Yield rare models, in one plane and in several, compressed and not, in strips and tiles."""
    colours, inks, lab = palette(256), colour.inks(), colour.lab()
    opacity = 255 * (inks[..., 3] < 90)
    light = np.concatenate([lab[..., :1] * 255 / 100, lab[..., 1:] & 255], -1).round().astype(np.int64)
    models: dict[str, tuple[Array, dict[str, Any], Array, float]] = {
        "gray-alpha": (
            np.dstack([gray(), alpha()]),
            {"photometric": BLACK_IS_ZERO, "extra": (UNASSOCIATED,)},
            seen_gray(gray(), alpha()),
            NEAREST,
        ),
        "white-is-zero-alpha": (
            np.dstack([255 - gray(), alpha()]),
            {"photometric": WHITE_IS_ZERO, "extra": (UNASSOCIATED,)},
            seen_gray(gray(), alpha()),
            NEAREST,
        ),
        "palette-alpha": (
            np.dstack([gray(), alpha()]),
            {"photometric": PALETTE, "extra": (UNASSOCIATED,), "more": color_map(colours)},
            np.dstack([colours[gray()], alpha()]),
            NEAREST,
        ),
        "cmyk-alpha": (
            np.dstack([inks, opacity]),
            {"photometric": SEPARATED, "extra": (UNASSOCIATED,)},
            np.dstack([colour.inks_to_rgb(inks), opacity]),
            2,
        ),
        "rgb-and-two": (np.dstack([rgba(), gray()]), {"photometric": RGB, "extra": (0, 0)}, rgb(), NEAREST),
        "rgba-and-another": (
            np.dstack([rgba(), gray()]),
            {"photometric": RGB, "extra": (UNASSOCIATED, 0)},
            rgba(),
            NEAREST,
        ),
        "another-and-alpha": (
            np.dstack([rgb(), gray(), alpha()]),
            {"photometric": RGB, "extra": (0, UNASSOCIATED)},
            rgba(),
            NEAREST,
        ),
        "cielab": (light, {"photometric": CIELAB}, colour.lab_to_srgb(lab), 4),
    }
    for name, (stored, options, seen, within) in models.items():
        for planar in (1, 2):
            for compression, end in ((NONE, ""), (LZW, "-lzw")):
                for layout, tile in (("strips", None), ("tiles", (16, 16))):
                    make = partial(one, stored, planar=planar, compression=compression, tile=tile, **options)
                    reason = UNREAD + "|planes|alpha|channels|extra|CMYK|Lab|palette"
                    yield Case(f"tif/{name}-planar{planar}-{layout}{end}", make, seen, within, reason)


def _orientation_cases() -> Iterator[Case]:
    deep = levels(rgb(), 65535)
    bits = levels(gray(), 1)
    colours = palette(256)
    pictures: dict[str, tuple[Array, dict[str, Any], Array]] = {
        "rgb-strips": (rgb(), {"photometric": RGB}, rgb()),
        "rgb-tiles": (rgb(), {"photometric": RGB, "tile": (16, 16)}, rgb()),
        "rgb-planes": (rgb(), {"photometric": RGB, "planar": 2}, rgb()),
        "rgb-lzw-one-strip": (rgb(), {"photometric": RGB, "compression": LZW, "rows": 27}, rgb()),
        "rgba-tiles": (rgba(), {"photometric": RGB, "tile": (16, 32), "extra": (UNASSOCIATED,)}, rgba()),
        "rgb16-strips": (deep, {"photometric": RGB, "bits": 16}, rgb()),
        "rgb16-tiles": (deep, {"photometric": RGB, "bits": 16, "tile": (16, 16), "compression": ADOBE_DEFLATE}, rgb()),
        "gray-strips": (gray(), {"photometric": BLACK_IS_ZERO}, gray()),
        "gray-tiles": (gray(), {"photometric": BLACK_IS_ZERO, "tile": (32, 16)}, gray()),
        "gray16-tiles": (levels(gray(), 65535), {"photometric": BLACK_IS_ZERO, "bits": 16, "tile": (16, 16)}, gray()),
        "bilevel-tiles": (bits, {"photometric": BLACK_IS_ZERO, "bits": 1, "tile": (16, 16)}, bits * 255),
        "bilevel-strips": (1 - bits, {"photometric": WHITE_IS_ZERO, "bits": 1}, bits * 255),
        "palette-tiles": (
            gray(),
            {"photometric": PALETTE, "tile": (16, 16), "more": color_map(colours)},
            colours[gray()],
        ),
    }
    for name, (stored, options, seen) in pictures.items():
        for orientation in range(1, 9):
            make = partial(one, stored, **options, orientation=orientation)
            yield Case(f"tif/orientation{orientation}-{name}", make, turned(seen, orientation))
    for orientation in range(1, 9):
        jpeg = partial(one, smooth(), YCBCR, compression=JPEG, tile=(32, 32), orientation=orientation)
        make = partial(jpeg, more={530: (SHORT, [1, 1])})
        yield Case(f"tif/orientation{orientation}-jpeg-tiles", make, turned(smooth(), orientation), 5)
    packet: Page = {700: (BYTE, xmp(3))}
    make = partial(one, rgb(), RGB, orientation=6, more=packet)
    yield Case("tif/orientation6-before-xmp", make, turned(rgb(), 6))


def _page_cases() -> Iterator[Case]:
    first, second = page(rgb(), RGB), page(rgb()[::-1], RGB)
    yield Case("tif/two-pages", partial(tiff, first, second), rgb(), note="page|first")
    yield Case("tif/two-pages-bigtiff", partial(tiff, first, second, big=True), rgb(), reason=UNREAD, note="page|first")
    small = {254: (LONG, [1])}  # NewSubfileType 1 and SubfileType 2: a reduced copy (section 8)
    thumbnail = page(rgb()[::3, ::3], RGB)
    # Reduced copies may stand behind the picture; there is nothing to tell then.
    yield Case("tif/reduced-behind", partial(tiff, first, thumbnail | small), rgb())
    yield Case("tif/reduced-below", partial(tiff, first | {BELOW: [thumbnail | small]}), rgb())
    reason, note = "reduced|preview|thumbnail|page|copy", "reduced|preview|thumbnail|page|copy"
    yield Case("tif/reduced-first", partial(tiff, thumbnail | small, second), rgb()[::-1], reason=reason, note=note)
    old = {255: (SHORT, [2])}
    yield Case(
        "tif/reduced-first-old-tag", partial(tiff, thumbnail | old, second), rgb()[::-1], reason=reason, note=note
    )
    full = page(rgb(), RGB) | {254: (LONG, [0])}
    make = partial(tiff, thumbnail | small | {BELOW: [full]})
    yield Case("tif/reduced-first-picture-below", make, rgb(), reason=reason + "|raw", note=note)
    of_document = {254: (LONG, [2]), 297: (SHORT, [0, 2])}  # 2: a page among others
    yield Case(
        "tif/page-of-document", partial(tiff, first | of_document, second | of_document), rgb(), note="page|first"
    )


def _raw_cases() -> Iterator[Case]:
    """Yield camera raw in a TIFF's form: refused by name, whatever the first directory shows."""
    mosaic = page(levels(gray(54, 76), 4095), CFA, 16, more={33421: (SHORT, [2, 2]), 33422: (BYTE, [0, 1, 1, 2])})
    thumbnail = page(rgb(), RGB) | {254: (LONG, [1])}
    dng: Page = {50706: (BYTE, [1, 4, 0, 0]), 50708: (ASCII, b"Camera X\0")}
    maker: Page = {271: (ASCII, b"NIKON CORPORATION\0"), 272: (ASCII, b"NIKON D9\0")}
    mosaic |= {254: (LONG, [0])}
    yield Case("nef/mosaic-below", partial(tiff, thumbnail | maker | {BELOW: [mosaic]}), reason="raw")
    yield Case("nef/first-is-not-marked", partial(tiff, page(rgb(), RGB) | maker | {BELOW: [mosaic]}), reason="raw")
    yield Case("dng/mosaic-below", partial(tiff, thumbnail | dng | {BELOW: [mosaic]}), reason="raw|DNG")
    yield Case("dng/mosaic-first", partial(tiff, mosaic | dng), reason="raw|DNG")
    linear = page(levels(rgb(), 4095), LINEAR_RAW, 16) | dng
    yield Case("dng/linear", partial(tiff, linear), reason="raw|DNG")
    yield Case("dng/linear-below", partial(tiff, thumbnail | dng | {BELOW: [linear]}), reason="raw|DNG")
    yield Case("tif/mosaic", partial(tiff, mosaic), reason="raw|mosaic|CFA")
    plain = tiff(page(rgb(), RGB) | {271: (ASCII, b"Canon\0")})
    yield Case("cr2/marked", lambda: plain[:8] + b"CR\2\0" + plain[8:], reason="raw|read|damaged")
    canon = tiff(page(rgb(), RGB), page(rgb()[::2, ::2], RGB))
    yield Case("orf/olympus", lambda: b"IIRO" + canon[4:], reason="raw|read")
    yield Case("rw2/panasonic", lambda: b"IIU\0" + canon[4:], reason="raw|read")


def cases() -> Iterator[Case]:
    for group in (
        _unsigned_cases,
        _layout_cases,
        _colour_cases,
        _alpha_cases,
        _plane_cases,
        _orientation_cases,
        _page_cases,
        _raw_cases,
    ):
        yield from group()
    yield Case("tif/cut-off", lambda: one(rgb(), RGB)[:-60], reason="cut|truncated|damaged|whole|read")
    cut = lambda: one(rgb(), RGB).replace(struct.pack("<I", 8), struct.pack("<I", 1 << 20), 1)  # noqa: E731
    yield Case("tif/directory-behind-end", cut, reason="cut|truncated|damaged|whole|read")
