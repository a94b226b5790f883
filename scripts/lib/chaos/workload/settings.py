"""Where definitions come and go: databases of their own, and a name there that is not carried."""

DATABASES = ("delta", "epsilon")
HIDDEN = "hidden"


def comes_and_goes(namespace: str) -> bool:
    """Whether collections of this name are made, renamed and dropped."""
    return namespace.partition(".")[0] in DATABASES


def is_left_out(namespace: str) -> bool:
    """Whether it is in no topic although its database is carried: server's temporaries, and what is left out."""
    coll = namespace.partition(".")[2]
    return comes_and_goes(namespace) and (coll.startswith(("tmp", "system.")) or coll in ("", HIDDEN))
