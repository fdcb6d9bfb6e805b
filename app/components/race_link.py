"""A race as one short word of a link, and back."""

from __future__ import annotations

import base64
import binascii
import json
import zlib

from proxprop.spec.config import ConfigError, Problem, RaceConfig

LONGEST = 100_000  # characters of JSON; a link that unpacks to more was not made here


def encode(config: RaceConfig) -> str:
    """Return what differs from the defaults, packed for a URL."""
    values = config.model_dump(mode="json", exclude_defaults=True)
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def decode(word: str) -> RaceConfig:
    """Return the race that `encode` packed.

    Raises:
        ConfigError: If the word is damaged or describes no race.
    """
    try:
        packed = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
        unpacked = zlib.decompressobj()
        text = unpacked.decompress(packed, LONGEST)
        if not unpacked.eof:  # cut short, or longer than anything made here
            raise ValueError("incomplete")
        values = json.loads(text.decode())
    except (binascii.Error, zlib.error, ValueError, RecursionError) as error:
        message = "this link is damaged; copy it whole, from the address bar"
        raise ConfigError([Problem("", message)]) from error
    if not isinstance(values, dict):
        raise ConfigError([Problem("", "this link describes no race")])
    return RaceConfig.parse(values)
