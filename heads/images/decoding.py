"""Image files as upright RGB images of 8 bits, or refused with the reason."""

import io
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from heads.errors import DataError

# No others: some formats of Pillow start foreign programs (EPS), and none of them holds photographs.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000")
# Pillow's own limit for a warning; as RGB that is 268 MB.
LARGEST_PIXELS = 89_478_485
ORIENTATION = 0x0112
# Where `read_rgb` notes how it turned an image: the EXIF orientation, and (width, height) as it is stored.
TURNED = "heads_turned"
SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N")


class UnreadableImageError(DataError):
    """A file is no image that can be used: damaged, truncated, too large or of a kind without a plain meaning."""


def read_rgb(data: bytes, name: str = "image") -> Image.Image:
    """Decode an image file; UnreadableImageError, which begins with `name`, where that cannot be done faithfully.

    The EXIF orientation is applied. Grey becomes three equal channels, a palette its colours, CMYK and YCbCr what
    Pillow makes of them without a colour profile, 16 bits their upper 8. Transparency is dropped, as training code
    does: a transparent pixel has the colour that is stored for it. Of several frames the first is taken. Truncated
    files are refused, never filled up.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(image, name)
            # Pillow turns TIFF files while it loads them, and forgets by how much.
            orientation = image.getexif().get(ORIENTATION, 1)
            image.load()
            return _upright(_eight_bits(image, name), orientation)
    except UnreadableImageError:
        raise
    except MemoryError as error:
        raise UnreadableImageError(f"{name}: there is not enough memory to decode it") from error
    except UnidentifiedImageError as error:
        known = ", ".join(FORMATS)
        reason = "is empty" if not data else f"is no image of a kind that is read ({known})"
        raise UnreadableImageError(f"{name}: {reason}") from error
    except Image.DecompressionBombError as error:
        raise UnreadableImageError(f"{name}: is too large: {error}") from error
    except Exception as error:
        # Decoders raise anything on damaged data: OSError, SyntaxError, ValueError, struct.error, zlib.error ...
        raise UnreadableImageError(f"{name}: cannot be decoded: {str(error) or type(error).__name__}") from error


def _check_size(image: Any, name: str) -> None:
    if image.width * image.height > LARGEST_PIXELS:
        raise UnreadableImageError(
            f"{name}: has {image.width}x{image.height} pixels, more than the {LARGEST_PIXELS} that are read; "
            "make it smaller first"
        )


def _eight_bits(image: Any, name: str) -> Any:
    """Return the image with 8 bits for each of R, G, B."""
    # Pillow before 11 opens grey PNGs of 16 bits as "I".
    if image.mode in SIXTEEN_BITS or (image.mode == "I" and image.format == "PNG"):
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L").convert("RGB")
    if image.mode in ("I", "F"):
        raise UnreadableImageError(
            f"{name}: its pixels are {'32-bit integers' if image.mode == 'I' else 'floats'} without a stated range; "
            "save it with 8 bits per channel"
        )
    if "transparency" in image.info:
        return image.convert("RGBA").convert("RGB")  # the same colours as at once, without Pillow's warning
    return image.convert("RGB")


def _upright(image: Any, orientation: int) -> Any:
    upright = ImageOps.exif_transpose(image)
    stored = upright.size if orientation < 5 else upright.size[::-1]
    upright.info = {TURNED: (orientation, *stored)} if orientation in range(2, 9) else {}
    return upright
