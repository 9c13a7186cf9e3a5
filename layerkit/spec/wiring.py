"""Turn the names and ``inputs`` of a spec's layers into positions."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from layerkit.contracts.layer import Layer, input_count
from layerkit.errors import Path, Problem, Suggestion
from layerkit.registry import Registry, UnknownComponentError
from layerkit.spec.wording import DEFAULT_EFFORT, Effort
from layerkit.wording import listed, nearest, quoted

INPUT = "input"
"""The name of a network's input if it has only one."""


def wire(
    document: Any, registry: Registry, effort: Effort = DEFAULT_EFFORT
) -> tuple[list[tuple[int, ...]], list[Problem]]:
    """Return the positions of each layer's inputs, and everything wrong with the names.

    Positions count the inputs of the network first, then the layers. The raw document is read, so
    that wrong names are reported together with wrong options.

    Args:
        document: A spec, as JSON gave it.
        registry: The components, whose classes give the number of inputs of a layer.
        effort: How much time to spend on what is wrong.
    """
    layers = _layers(document)
    if layers is None:
        return [], []
    wiring = _Wiring([name for name, _ in _network_inputs(document)], effort)
    for i, layer in enumerate(layers):
        wiring.add(i, layer, registry)
        if len(wiring.problems) >= effort.problems:
            break
    if not wiring.problems:
        wiring.refuse_unused(layers)
    return wiring.slots, wiring.problems


@dataclass(frozen=True)
class Mention:
    """A name of an input or a layer, where a spec has it.

    Attributes:
        name: The name.
        path: Its place; None if the spec need not give it, as for the only input.
        gives: Whether the name is given there, so that later layers may use it.
        layer: The position of the layer that gives or uses it; -1 for an input of the network.
    """

    name: str
    path: Path | None
    gives: bool
    layer: int

    @property
    def place(self) -> Problem | None:
        """Its place as that of a problem, to look up its characters."""
        return None if self.path is None else Problem("", self.path, at_key=self.layer < 0)


def mentions(document: Any) -> Iterator[Mention]:
    """Yield the names of inputs and layers in the order of a spec; none if it lists no layers."""
    layers = _layers(document)
    if layers is None:
        return
    for name, path in _network_inputs(document):
        yield Mention(name, path, gives=True, layer=-1)
    for i, layer in enumerate(layers):
        for name, path in _names_taken(i, layer) or ():
            yield Mention(name, path, gives=False, layer=i)
        if isinstance(layer, dict) and isinstance(layer.get("name"), str):
            yield Mention(layer["name"], ("layers", i, "name"), gives=True, layer=i)


def _layers(document: Any) -> list[Any] | None:
    """Return the layers of a spec as JSON gave it; None if it has no list of them."""
    layers = document.get("layers") if isinstance(document, dict) else None
    return layers if isinstance(layers, list) else None


def _network_inputs(document: dict[str, Any]) -> list[tuple[str, Path | None]]:
    """Return the names of the network's inputs, each with its place if it has one."""
    inputs = document.get("inputs")
    if isinstance(inputs, dict) and inputs:
        return [(name, ("inputs", name)) for name in inputs]
    return [(INPUT, None)]


def _names_taken(index: int, layer: Any) -> list[tuple[str, Path]] | None:
    """Return the names of a layer's inputs with their places; None if it names none."""
    names, path = layer.get("inputs") if isinstance(layer, dict) else None, ("layers", index)
    if isinstance(names, str):
        return [(names, (*path, "inputs"))]
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return [(name, (*path, "inputs", k)) for k, name in enumerate(names)]
    return None


class _Wiring:
    def __init__(self, inputs: list[str], effort: Effort) -> None:
        self.inputs, self.effort = inputs, effort
        self.names = {name: slot for slot, name in enumerate(inputs)}
        self.slots: list[tuple[int, ...]] = []
        self.problems: list[Problem] = []

    def add(self, index: int, layer: Any, registry: Registry) -> None:
        named = layer if isinstance(layer, dict) else {"type": layer}
        taken = _names_taken(index, layer)
        slots = (len(self.inputs) + index - 1,) if taken is None else self._slots_of(taken)
        self._count(index, named, slots, named.get("inputs") is not None, registry)
        self.slots.append(slots)
        self._name(index, named.get("name"))

    def _slots_of(self, taken: list[tuple[str, Path]]) -> tuple[int, ...]:
        for name, path in taken:
            if name not in self.names:
                suggestion, hint = self._advice(name)
                self.problems.append(
                    Problem("unknown-input", path, "", quoted(name), suggestion, hint)
                )
        return tuple(self.names.get(name, 0) for name, _ in taken)

    def _advice(self, name: str) -> tuple[Suggestion | None, str]:
        """Return a similar name or a list of names, but only for the first wrong names.

        A suggestion is never certain: the name may be right here and wrong where it was given.
        """
        if len(self.problems) >= self.effort.similar:
            return None, ""
        close = nearest(name, list(self.names))
        if not close:
            return None, f"there are: {listed(self.names)}"
        return Suggestion(json.dumps(close, ensure_ascii=False), "maybe"), ""

    def _count(
        self, index: int, layer: Any, slots: tuple[int, ...], has_inputs: bool, registry: Registry
    ) -> None:
        name = layer.get("type")
        try:
            entry = registry.find(Layer.kind, name) if isinstance(name, str) else None
        except UnknownComponentError:
            return  # reported by the validation of the layer itself
        if entry is None or not issubclass(entry.cls, Layer):
            return
        least, most = input_count(entry.cls)
        count = len(slots)
        ambiguous = not has_inputs and index == 0 and len(self.inputs) > 1
        if least <= count and (most is None or count <= most) and not ambiguous:
            return
        takes = f"{least}{' or more' if most is None else ''} input{'s' if least > 1 else ''}"
        path = ("layers", index, "inputs") if has_inputs else ("layers", index)
        got = f"{count}" if has_inputs else None
        hint = "" if has_inputs else 'name them: "inputs": [...]'
        self.problems.append(Problem("wrong-inputs", path, f"{name} takes {takes}", got, hint=hint))

    def _name(self, index: int, name: Any) -> None:
        if not isinstance(name, str):
            return
        path = ("layers", index, "name")
        if name == INPUT or name in self.inputs:
            message = f"{quoted(name)} is the name of an input"
            self.problems.append(Problem("name-taken", path, message, hint="choose another"))
        elif name in self.names:
            first = self.names[name] - len(self.inputs)
            message = f"{quoted(name)} is already the name of layers[{first}]"
            self.problems.append(Problem("name-taken", path, message, hint="choose another"))
        else:
            self.names[name] = len(self.inputs) + index

    def refuse_unused(self, layers: list[Any]) -> None:
        """Refuse a layer whose output nothing takes: it would silently train nothing."""
        used = {slot for slots in self.slots for slot in slots}
        for i in range(len(layers) - 1):
            if len(self.inputs) + i not in used:
                message = "no later layer takes its output"
                hint = "remove it, or name it in some inputs"
                self.problems.append(Problem("unused-output", ("layers", i), message, hint=hint))
