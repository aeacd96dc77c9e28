"""A synthetic data set: faces that the program draws itself, for demos and tests. They show nobody."""
