"""controller.onnx in onnxruntime, and the metadata that it carries."""
