"""The states that `update_activity` and `update_order` take."""

from __future__ import annotations

from typing import Literal

ActivityState = Literal["approved", "declined", "void"]
RefundStatus = Literal["not_refunded", "partially_refunded", "refunded"]
CancellationStatus = Literal["cancelled", "not_cancelled"]
