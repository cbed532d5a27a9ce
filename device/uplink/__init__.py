"""MQTT: one connection at a time, kept up for ever; the outbox drained over it in order; commands handed in; Home Assistant told.

Reading order: ``uplink`` (what the rest of the program sees), ``pump`` (what goes out next), ``link`` (paho on the loop), ``delivery`` (the
window, as numbers).
"""

from device.uplink.homeassistant import discovery
from device.uplink.outbox import Outbox, OutboxRow
from device.uplink.uplink import State, Uplink, UplinkHealth

__all__ = ["Outbox", "OutboxRow", "State", "Uplink", "UplinkHealth", "discovery"]
