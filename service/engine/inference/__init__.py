"""Running the bundle's graphs."""

import os

# From 1.29 on, onnxruntime's builds for Linux send events about each model that is loaded to their
# makers, unless this is set before it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
