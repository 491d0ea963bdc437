"""A stand-in for every vendor, on loopback, with real state.

    async with Sandbox() as sandbox:
        client = loyalty_sdk.connect("acme", **sandbox.settings("acme"))

`Sandbox` is what tests use. An adapter brings its vendor's half: see `loyalty_sdk.sandbox.vendor`.
"""

from ._arrivals import Arrival
from ._clock import Clock
from ._fault_kinds import FAULT_KINDS, FaultKind
from ._faults import Fault, Faults
from ._rows import Account, Entry
from ._sandbox import Sandbox
from ._switches import Rule, Switches, SwitchOptions
from ._webhooks import Sent, Webhooks

__all__ = [
    "FAULT_KINDS",
    "Account",
    "Arrival",
    "Clock",
    "Entry",
    "Fault",
    "FaultKind",
    "Faults",
    "Rule",
    "Sandbox",
    "Sent",
    "SwitchOptions",
    "Switches",
    "Webhooks",
]
