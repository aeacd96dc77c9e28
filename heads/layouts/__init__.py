"""Readers of face data sets as they are published: a folder and the name of its layout become one table of faces."""
