"""Layers that PyTorch lacks, as source code that is copied into generated modules; no file needs another of ours."""
