"""Training, evaluation and export of the encoders; the only place where torch lives."""

import os

# Before onnxruntime is imported: it would send events about each exported graph to its makers.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
