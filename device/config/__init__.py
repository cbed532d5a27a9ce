"""Configuration: read whole, checked whole, and refused with every fault at once."""

from device.config.configuration import Configuration
from device.config.files import secret_path
from device.config.loading import load
from device.config.simulated import as_simulated, simulated_journal

__all__ = ["Configuration", "as_simulated", "load", "secret_path", "simulated_journal"]
