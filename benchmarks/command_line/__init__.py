"""The commands of `bench`: how they are typed, what they do, and how results are printed."""
