"""JSON to attrs classes and back.

`_json` decodes vendor data by msgspec; `_structure` structures what people wrote by cattrs.
Both are imported when they are first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loyalty_sdk._lazy import lazily

if TYPE_CHECKING:
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
    from ._structure import configure_converter, from_cells, structure
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "._json": "Aware Id Shape convert decode decode_json decode_leniently encode in_utc"
            " kind_of located malformed read_json salvage",
            "._structure": "configure_converter from_cells structure",
        },
    )

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
    "from_cells",
    "in_utc",
    "kind_of",
    "located",
    "malformed",
    "read_json",
    "salvage",
    "structure",
]
