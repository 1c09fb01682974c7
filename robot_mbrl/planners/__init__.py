"""Planners: pure functions of tensors, so that they trace to ONNX and replay exactly."""
