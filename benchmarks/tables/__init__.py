"""Rows as Markdown, CSV, HTML and LaTeX; tables inside documents and the check that they are not stale."""
