"""JSON to attrs classes and back.

`_json` decodes vendor data by msgspec; `_structure` structures what people wrote by cattrs,
which it imports when first needed.
"""

from __future__ import annotations

from ._json import (
    Aware,
    Id,
    Shape,
    convert,
    decode,
    decode_json,
    decode_leniently,
    encode,
    in_utc,
    kind_of,
    located,
    malformed,
    read_json,
    salvage,
)
from ._structure import configure_converter, structure

__all__ = [
    "Aware",
    "Id",
    "Shape",
    "configure_converter",
    "convert",
    "decode",
    "decode_json",
    "decode_leniently",
    "encode",
    "in_utc",
    "kind_of",
    "located",
    "malformed",
    "read_json",
    "salvage",
    "structure",
]
