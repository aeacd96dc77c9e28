"""MATLAB's files: MAT v5 to v7.3 as plain dicts, lists and arrays.

No network is understood here: `from_matconvnet` turns layers into nodes.
"""
