"""Files as such: opening, hashing, and outputs that appear whole or not at all. No format is understood here."""
