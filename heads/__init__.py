"""Heads: small classifiers on the embeddings of a converted face network.

Data sets become one table, tables become splits, images become embeddings that are kept, embeddings become heads, and
heads become one file that takes pixels.
"""
