"""Whether a file that others converted holds the weights of a network: layer by layer, however it is arranged."""
