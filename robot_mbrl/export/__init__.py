"""One controller.onnx from an agent, with its cost."""
