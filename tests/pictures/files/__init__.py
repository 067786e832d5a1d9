"""Picture files of all kinds, made here byte by byte or by other libraries, with what they must become."""

from pictures.files import bmp, gif, png, pnm
from pictures.files.case import Case, difference

CASES: list[Case] = [case for module in (png, pnm, bmp, gif) for case in module.cases()]

__all__ = ["CASES", "Case", "difference"]
