"""Trained Caffe and MatConvNet networks to Keras, PyTorch and ONNX, proved node by node."""
