"""Words of strangers, made harmless for people's eyes; what they say is left as it is."""

import unicodedata

DIRECTION_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def clean(value: str) -> str:
    """Without control characters, lone surrogates and marks that turn the direction of what follows."""
    kept = (
        character
        if character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cs"}
        else "\ufffd"
        for character in value.replace("\r\n", "\n")
        if character not in DIRECTION_CONTROLS
    )
    return "".join(kept)


def runs_right_to_left(value: str) -> bool:
    """Whether something in it is written from right to left and would drag its surroundings along."""
    return any(unicodedata.bidirectional(character) in {"R", "AL"} for character in value)
