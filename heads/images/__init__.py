"""From the bytes of an image file to what a network takes: decoding, the part that is the face, preprocessing."""
