"""Turn the names and ``inputs`` of a spec's layers into positions."""

import json
from functools import cache
from typing import Any

from layerkit.contracts.layer import Layer, input_count
from layerkit.errors import Problem, Suggestion
from layerkit.registry import Registry, UnknownComponentError
from layerkit.spec.malformed import ENOUGH
from layerkit.spec.wording import MOST_SUGGESTED
from layerkit.wording import listed, nearest, quoted

INPUT = "input"
"""The name of a network's input if it has only one."""


def wire(document: Any, registry: Registry) -> tuple[list[tuple[int, ...]], list[Problem]]:
    """Return the positions of each layer's inputs, and everything wrong with the names.

    Positions count the inputs of the network first, then the layers. The raw document is read, so
    that wrong names are reported together with wrong options.

    Args:
        document: A spec, as JSON gave it.
        registry: The components, whose classes give the number of inputs of a layer.
    """
    layers = document.get("layers") if isinstance(document, dict) else None
    if not isinstance(layers, list):
        return [], []
    inputs = document.get("inputs")
    wiring = _Wiring(list(inputs) if isinstance(inputs, dict) and inputs else [INPUT])
    for i, layer in enumerate(layers):
        wiring.add(i, layer, registry)
        if len(wiring.problems) >= ENOUGH:
            break
    if not wiring.problems:
        wiring.refuse_unused(layers)
    return wiring.slots, wiring.problems


class _Wiring:
    def __init__(self, inputs: list[str]) -> None:
        self.inputs = inputs
        self.names = {name: slot for slot, name in enumerate(inputs)}
        self.slots: list[tuple[int, ...]] = []
        self.problems: list[Problem] = []
        self.input_count = cache(input_count)  # reads a signature, and most layers share one

    def add(self, index: int, layer: Any, registry: Registry) -> None:
        named = layer if isinstance(layer, dict) else {"type": layer}
        input_names = named.get("inputs")
        if isinstance(input_names, str):
            input_names = [input_names]
        if isinstance(input_names, list) and all(isinstance(name, str) for name in input_names):
            slots = self._slots_of(index, input_names, several=isinstance(named["inputs"], list))
        else:
            slots = (len(self.inputs) + index - 1,)
        self._count(index, named, slots, input_names is not None, registry)
        self.slots.append(slots)
        self._name(index, named.get("name"))

    def _slots_of(self, index: int, input_names: list[str], several: bool) -> tuple[int, ...]:
        for k, name in enumerate(input_names):
            if name not in self.names:
                path = ("layers", index, "inputs", k) if several else ("layers", index, "inputs")
                suggestion, hint = self._advice(name)
                self.problems.append(
                    Problem("unknown-input", path, "", quoted(name), suggestion, hint)
                )
        return tuple(self.names.get(name, 0) for name in input_names)

    def _advice(self, name: str) -> tuple[Suggestion | None, str]:
        """Return a similar name or a list of names, but only for the first wrong names.

        A suggestion is never certain: the name may be right here and wrong where it was given.
        """
        if len(self.problems) >= MOST_SUGGESTED:
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
        least, most = self.input_count(entry.cls)
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
