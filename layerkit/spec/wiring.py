"""Which layer takes what: the names and ``inputs`` of a spec turned into positions."""

import json
from typing import Any

from layerkit.contracts.layer import Layer, input_count
from layerkit.errors import Problem, Suggestion
from layerkit.registry import Registry, UnknownComponentError
from layerkit.spec.malformed import ENOUGH
from layerkit.spec.wording import MOST_SUGGESTED
from layerkit.wording import listed, nearest, quoted

INPUT = "input"
"""What the input of a network is called where it has only one."""


def wire(document: Any, registry: Registry) -> tuple[list[tuple[int, ...]], list[Problem]]:
    """Return for each layer the positions of its inputs, and all that is wrong with the names.

    Positions count the inputs of the network first, then the layers. It reads the document as it
    was written, so that wrong names are reported together with wrong options.

    Args:
        document: A spec, as JSON gave it.
        registry: Tells how many inputs a layer takes.
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

    def add(self, index: int, layer: Any, registry: Registry) -> None:
        named = layer if isinstance(layer, dict) else {"type": layer}
        wanted = named.get("inputs")
        if isinstance(wanted, str):
            wanted = [wanted]
        if isinstance(wanted, list) and all(isinstance(name, str) for name in wanted):
            slots = self._found(index, wanted, several=isinstance(named["inputs"], list))
        else:
            slots = (len(self.inputs) + index - 1,)
        self._count(index, named, slots, wanted is not None, registry)
        self.slots.append(slots)
        self._name(index, named.get("name"))

    def _found(self, index: int, wanted: list[str], several: bool) -> tuple[int, ...]:
        for k, name in enumerate(wanted):
            if name not in self.names:
                path = ("layers", index, "inputs", k) if several else ("layers", index, "inputs")
                suggestion, hint = self._advice(name)
                self.problems.append(
                    Problem("unknown-input", path, "", quoted(name), suggestion, hint)
                )
        return tuple(self.names.get(name, 0) for name in wanted)

    def _advice(self, name: str) -> tuple[Suggestion | None, str]:
        """Return what there is instead; of very many wrong names only for the first ones.

        It is never certain: the name may be right here, and wrong where it was given.
        """
        if len(self.problems) >= MOST_SUGGESTED:
            return None, ""
        close = nearest(name, list(self.names))
        if not close:
            return None, f"there are: {listed(self.names)}"
        return Suggestion(json.dumps(close, ensure_ascii=False), "maybe"), ""

    def _count(
        self, index: int, layer: Any, slots: tuple[int, ...], given: bool, registry: Registry
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
        ambiguous = not given and index == 0 and len(self.inputs) > 1
        if least <= count and (most is None or count <= most) and not ambiguous:
            return
        takes = f"{least}{' or more' if most is None else ''} input{'s' if least > 1 else ''}"
        path = ("layers", index, "inputs") if given else ("layers", index)
        got = f"{count}" if given else None
        hint = "" if given else 'name them: "inputs": [...]'
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
            message = f"{quoted(name)} is the name of layers[{first}] already"
            self.problems.append(Problem("name-taken", path, message, hint="choose another"))
        else:
            self.names[name] = len(self.inputs) + index

    def refuse_unused(self, layers: list[Any]) -> None:
        """Refuse a layer whose output nobody takes: it would train nothing, in silence."""
        used = {slot for slots in self.slots for slot in slots}
        for i in range(len(layers) - 1):
            if len(self.inputs) + i not in used:
                message = "no later layer takes its output"
                hint = "remove it, or name it in some inputs"
                self.problems.append(Problem("unused-output", ("layers", i), message, hint=hint))
