"""Specs that nobody would write: mutations of correct ones, all from a seed."""

import copy
import json
import random
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

OWN = [
    {"type": "npz", "path": "data.npz", "test_fraction": 0.3},
    {"type": "csv", "path": "data.csv", "target": "kind", "categories": ["b"], "drop": ["a"]},
    {"type": "npy", "x": "x.npy", "t": "t.npy", "x_test": "x.npy", "t_test": "t.npy"},
    {"type": "spiral", "per_class": 9, "noise": 0.1},
]
"""Data sets whose files the folder of the mutants must hold; see ``seeds``."""

TEXTS = [
    "", "relu", "sgd", "digits", "step", "warmup", "layerkit/relu", "nobody/relu", "input", "x",
    "test_loss", "epoch", "~", "~nobody/x", "..", "data.csv", "a" * 300, "é" * 300, "\x00",
    "\x1b[31m", "\u202ex", "\u2028", "a\nb", "\t", "'", "{}", "nan", "1", ".", "\ufeff",
    "\U0001f600",
]  # fmt: skip

NUMBERS = [
    0, -0.0, 1, -1, 2, 0.5, 1.0, 1e6, 63, 64, 65, 10**6, 10**9, 10**18, 2**31, 2**63 - 1, 2**63,
    -(2**63), 10**30, 1e-320, 1e-300, 1e300, 1.7e308, -1.7e308, 0.1, 1e-7,
]  # fmt: skip


MOST_PLACES = 5000
"""The most values of a mutant that is mutated once more."""


def seeds() -> list[Any]:
    """Return the specs that mutants are made of."""
    files = sorted([*(ROOT / "specs").glob("*.json"), *(ROOT / "tests" / "specs").glob("*.json")])
    specs = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    digits = json.loads((ROOT / "specs" / "digits.json").read_text(encoding="utf-8"))
    return specs + [{**digits, "data": data} for data in OWN]


class Mutator:
    """Makes mutants.

    Args:
        seed: The same seed makes the same mutants.
    """

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.specs = seeds()

    def text(self) -> str:
        """Return the text of a mutant, which may not be JSON or a spec."""
        spec = self.spec()
        try:
            indent = self.random.choice([None, 2])
            text = json.dumps(spec, ensure_ascii=self.random.random() < 0.5, indent=indent)
        except RecursionError:
            return "[" * 5000
        if self.random.random() < 0.3:
            for _ in range(self.random.choice([1, 1, 3])):
                text = self._spoilt(text)
        return text

    def spec(self) -> Any:
        """Return a mutant as a JSON value."""
        spec = copy.deepcopy(self.random.choice(self.specs))
        for _ in range(self.random.choice([1, 1, 2, 3, 8])):
            spec = self._mutated(spec)
        return spec

    def assignment(self) -> str:
        """Return an argument for ``--set``."""
        spec = self.random.choice(self.specs)
        path = self.random.choice(list(_places(spec))) or ("name",)
        parts = list(path)
        for _ in range(self.random.choice([0, 0, 1, 2])):
            more: list[Any] = [*TEXTS, "units", "type", 0, -1, 7, 10**8]
            parts.insert(self.random.randrange(len(parts) + 1), self.random.choice(more))
        if self.random.random() < 0.02:
            parts *= self.random.choice([50, 3000])
        written = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts).lstrip(".")
        if self.random.random() < 0.1:
            written = self._spoilt(written)
        if self.random.random() < 0.2:
            return f"~{written}"
        if self.random.random() < 0.1:
            written += "[+]"
        value = json.dumps(self.value(), ensure_ascii=False)
        kind = self.random.random()
        if kind < 0.2:
            value = self._spoilt(value)
        elif kind < 0.4:
            value = self.random.choice(
                [*TEXTS, ".5", "1.", "+1", "01", "1e999", "9" * 5000, "[" * 200]
            )
        return written + self.random.choice(["=", "=", "=", "=", "=", "", "=="]) + value

    def value(self) -> Any:
        """Return a value that may stand anywhere."""
        kind = self.random.randrange(8)
        if kind == 0:
            return self.random.choice([True, False, None, [], {}])
        if kind < 3:
            return self.random.choice(TEXTS)
        if kind < 5:
            return self.random.choice(NUMBERS)
        if kind == 5:
            return [self.value() for _ in range(self.random.randrange(4))]
        if kind == 6:
            place = self.random.choice(list(_values(self.random.choice(self.specs))))
            return copy.deepcopy(place)
        value = self.value()
        for _ in range(self.random.choice([1, 2, 33, 70, 99, 120])):
            value = [value] if self.random.random() < 0.7 else {"type": "warmup", "after": value}
        return value

    def _mutated(self, spec: Any) -> Any:
        places = [place for place in _places(spec) if place]
        if len(places) > MOST_PLACES:  # copies of copies would grow without end
            return spec
        if not places or self.random.random() < 0.01:
            return self.value()
        path = self.random.choice(places)
        holder = spec
        for part in path[:-1]:
            holder = holder[part]
        key = path[-1]
        act = self.random.randrange(8)
        if act < 3:
            holder[key] = self.value()
        elif act == 3:
            del holder[key]
        elif act == 4:
            number = holder[key]
            if isinstance(number, int | float) and not isinstance(number, bool):
                holder[key] = self.random.choice([-1, 0.5, 1.0, 10, 10**6, 10**15]) * number
            else:
                holder[key] = [number]
        elif act == 5 and isinstance(holder, dict):
            keys = [*TEXTS, *holder, "units", "type", "name", "inputs", "learnig_rate"]
            holder[self.random.choice(keys)] = holder.pop(key)
        elif act == 6 and isinstance(holder, list):
            holder[key:key] = [copy.deepcopy(holder[key])] * self.random.choice([1, 2, 40, 2000])
        else:
            other = self.random.choice(list(_values(spec)))
            holder[key] = copy.deepcopy(other)
        return spec

    def _spoilt(self, text: str) -> str:
        start = self.random.randrange(len(text) + 1)
        end = min(len(text), start + self.random.choice([0, 1, 1, 5, 50]))
        piece = self.random.choice([
            "", "", ",", ":", "{", "}", "[", "]", '"', "'", "\\", "\\u", "\\ud83d", "\\x", "//",
            "#",
            "NaN", "-Infinity", "True", "1e999", "-", "01", ".5", "9" * 30, "9" * 5000, "\x00",
            "\x7f", "\ufeff", "\ud800", "[" * 500, '{"a":' * 500, text[start:end] * 3, "\r", "\n\n",
        ])  # fmt: skip
        return text[:start] + piece + text[end:]


def _places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    """Yield the path of every value inside a document."""
    yield path
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, inner in items:
        if len(path) < 150:
            yield from _places(inner, (*path, key))


def _values(value: Any, depth: int = 0) -> Any:
    yield value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for inner in inside:
        if depth < 150:
            yield from _values(inner, depth + 1)
