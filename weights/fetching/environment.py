"""What is set from outside: a mirror, patience, and which hosts no proxy is asked for.

Proxies themselves are left to requests.

    FACEPORT_MIRROR=http://host/prefix   tried first, as prefix/<model>/<download>
    FACEPORT_TIMEOUT=5                   seconds to wait for a connection, and for the next bytes
    HTTP_PROXY, HTTPS_PROXY, NO_PROXY    as everywhere
"""

import math
import os
from urllib.parse import quote, urlsplit

from weights.errors import UsageError
from weights.registry.model import Download

MIRROR_VARIABLE, TIMEOUT_VARIABLE = "FACEPORT_MIRROR", "FACEPORT_TIMEOUT"
CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
# A proxy on another machine cannot reach this one's loopback; requests would ask it all the same.
LOOPBACK = "localhost,127.0.0.0/8,::1"


def addresses(model_name: str, download: Download) -> tuple[str, ...]:
    """Return where a file may be had, in the order in which to try; UsageError for a mirror that is no address."""
    mirror = os.environ.get(MIRROR_VARIABLE, "")
    if not mirror:
        return download.urls
    parts = urlsplit(mirror)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{MIRROR_VARIABLE}={mirror}: is to be an address such as http://host/prefix")
    return (f"{mirror.rstrip('/')}/{quote(model_name)}/{quote(download.name)}", *download.urls)


def timeouts() -> tuple[float, float]:
    """Return how many seconds to wait for a connection, and for the next bytes; UsageError for what is no number."""
    told = os.environ.get(TIMEOUT_VARIABLE, "")
    if not told:
        return CONNECT_SECONDS, READ_SECONDS
    try:
        seconds = float(told)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UsageError(f"{TIMEOUT_VARIABLE}={told}: is to be a number of seconds above 0")
    return seconds, seconds


def without_proxy() -> dict[str, str]:
    """Return the hosts that no proxy is asked for, in the form that requests takes beside the environment."""
    told = (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").strip()
    # A star counts only where it stands alone.
    return {"no_proxy": told if told == "*" else ",".join(filter(None, (told, LOOPBACK)))}
