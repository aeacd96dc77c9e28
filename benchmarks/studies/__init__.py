"""Studies of the project itself: how fast it converts, trains and embeds. Each is a program that prints a table."""
