"""From a URDF and a serial port to a safe learned controller. This package imports nothing of its
own by itself."""

import os

__version__ = "0.1.0"

# onnxruntime reports its use to Microsoft unless this stands before it is loaded: it asks the
# network while a controller is loaded, and keeps events in the user's cache folder. An owner who
# wants that sets it to "0".
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
