"""From a URDF and a serial port to a safe learned controller. This package imports nothing by
itself."""

__version__ = "0.1.0"
