"""Connections, shared by any number of clients and adapters; the only user of aiohttp's client."""

from __future__ import annotations

from ._pool import SessionPool

__all__ = ["SessionPool"]
