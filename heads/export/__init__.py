"""A head as a file of its own, alone or with backbone, preprocessing and temperature, proved from pixels."""
