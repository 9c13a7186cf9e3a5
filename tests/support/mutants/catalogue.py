"""The catalogue of mutants: the class, the law that it breaks and the message, by name."""

SOUND: list[type] = []
"""Components that keep every law."""

MUTANTS: dict[str, tuple[type, str, str]] = {}
"""By name, the mutant, the only law that it breaks, and what the message must say."""


def sound(cls):
    """Register a component that keeps every law."""
    SOUND.append(cls)
    return cls


def breaks(law, says=""):
    """Register a mutant, the law that catches it, and what the message must say."""

    def note(cls):
        MUTANTS[cls.__name__] = (cls, law, says)
        return cls

    return note
