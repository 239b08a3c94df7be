"""Networks and specifications in the formats that other verifiers read: ONNX and VNN-LIB."""
