"""Where drivers under test put their readings: what the contract suite listens with."""

from __future__ import annotations

from device.contract.inbox import LIMIT_S as LIMIT_S
from device.contract.inbox import Inbox as Inbox
from device.contract.inbox import running as running
