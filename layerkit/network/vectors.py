"""The variables of a network: their names, and their slices of its vectors."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from layerkit.contracts.ownership import SharedError, noun, remedy
from layerkit.contracts.variable import Parameter, State
from layerkit.conversion import checked_numbers
from layerkit.errors import UserError
from layerkit.network.node import Node
from layerkit.types import Array


def vector_of(name: str) -> Any:
    """Return a property for a vector that the layers have views of: assigning copies into it."""

    def put(network: Any, values: Any) -> None:
        vector: Array = getattr(network, f"_{name}")
        if np.shape(values) not in ((), vector.shape):
            raise UserError(f"{name} must have the shape {vector.shape}, got {np.shape(values)}")
        with network.turns.training, network.turns.turn:
            vector[...] = checked_numbers(values, vector.dtype, name)
            if name != "grads":  # what the last pass kept belongs to the values before
                network.forget_forward()

    return property(attrgetter(f"_{name}"), put)


def named_variables(nodes: Sequence[Node]) -> dict[str, State]:
    """Return the variables of all layers by name; refuse one that two layers hold."""
    named: dict[str, State] = {}
    owners: dict[int, tuple[Node, str]] = {}
    for node in nodes:
        for inner, variable in node.layer.variables():
            name = f"{node.name}.{inner}"
            first, first_name = owners.setdefault(id(variable), (node, name))
            if first is not node:
                raise SharedError(
                    f"{first} and {node} share a {noun(variable)}, {first_name} and {name}; "
                    f"{remedy(variable)}"
                )
            if name in named:
                raise UserError(f'two parameters are called "{name}"; rename a layer')
            named[name] = variable
    return named


def check_is_unbound(variables: Mapping[str, State]) -> None:
    """Refuse variables that already have memory."""
    for name, variable in variables.items():
        if variable.is_bound:
            raise SharedError(
                f"{name} already belongs to another network or layer; {remedy(variable)}"
            )


def check_is_whole(nodes: Sequence[Node], variables: Mapping[str, State]) -> None:
    """Refuse layers whose variables are no longer those that the network was made with."""
    now = named_variables(nodes)
    for name, variable in variables.items():
        if now.get(name) is not variable:
            node = next(n for n in nodes if name.startswith(f"{n.name}."))
            raise UserError(
                f"{node} was given to another network, which has rebuilt it; make a new "
                "layer for each network"
            )


def parts(variables: Mapping[str, State], params: Array, states: Array) -> dict[str, Array]:
    """Return the slices of a parameter vector and a state vector, by the variables' names."""
    by_name: dict[str, Array] = {}
    at = {True: 0, False: 0}
    for name, variable in variables.items():
        trained = isinstance(variable, Parameter)
        vector, start = (params if trained else states), at[trained]
        at[trained] = start + variable.size
        by_name[name] = vector[start : at[trained]].reshape(variable.shape)
    return by_name
