"""Parse Google-style docstrings into sections."""

import inspect
import re
from typing import Any


def descriptions(cls: type[Any], section: str = "Args") -> dict[str, str]:
    """Return the text for each name in a section of a Google-style docstring."""
    texts: dict[str, str] = {}
    for part in re.split(r"\n(?=\w)", docstring_sections(cls).get(section, "")):
        name, colon, text = part.partition(":")
        if colon:
            texts[name.split("(")[0].strip()] = " ".join(text.split())
    return texts


def docstring_sections(cls: type[Any]) -> dict[str, str]:
    """Return the sections of a Google-style docstring by title; the text before them under ""."""
    sections: dict[str, str] = {}
    # Splitting by a group gives: text, title, text, title, text, ...
    parts = re.split(
        r"^(\w+):\n(?=[ ]+\S)", inspect.cleandoc(cls.__doc__ or ""), flags=re.MULTILINE
    )
    sections[""] = parts[0].strip()
    for title, text in zip(parts[1::2], parts[2::2], strict=True):
        sections[title] = inspect.cleandoc(f"\n{text}")
    return sections
