"""The commands of `weights`: how they are typed, what they do, and how results are printed."""
