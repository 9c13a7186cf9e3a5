"""What the mutants are noted in: by name the class, the law it breaks and what is said of it."""

SOUND: list[type] = []
"""Components that keep every law."""

MUTANTS: dict[str, tuple[type, str, str]] = {}
"""By name the mutant, the law that only it breaks, and what the message must say."""


def sound(cls):
    """Note a component that keeps every law."""
    SOUND.append(cls)
    return cls


def breaks(law, says=""):
    """Note a mutant, the law that catches it, and what the message must say of the mistake."""

    def note(cls):
        MUTANTS[cls.__name__] = (cls, law, says)
        return cls

    return note
