"""Configuration: read whole, checked whole, and refused with every fault at once."""

from device.config.configuration import Configuration
from device.config.files import secret_path
from device.config.loading import load

__all__ = ["Configuration", "load", "secret_path"]
