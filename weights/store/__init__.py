"""The folder that keeps published files: one folder for each model, and what was recorded about them."""
