"""Picture files of all kinds, made here byte by byte or by other libraries, with what they must become."""

from pictures.files import avif, bmp, gif, heic, jp2, jpeg, other, png, pnm, tiff_cases, webp
from pictures.files.case import Case, difference

CASES: list[Case] = [
    case for module in (png, jpeg, webp, tiff_cases, jp2, avif, heic, gif, bmp, pnm, other) for case in module.cases()
]

__all__ = ["CASES", "Case", "difference"]
