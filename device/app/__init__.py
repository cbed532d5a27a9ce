"""The composition root: a configuration becomes objects, and the objects one TaskGroup. Knows everyone, decides nothing."""

from device.app.app import App

__all__ = ["App"]
