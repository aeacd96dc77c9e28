"""Caffe's files: prototxt text and caffemodel weights, read and upgraded as Caffe itself does.

No layer is understood here: `from_caffe` turns layers into nodes.
"""
