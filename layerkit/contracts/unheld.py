"""Options whose numbers the type of a network cannot hold."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from layerkit.arrays import DType
from layerkit.contracts.component import Component, option_parameters
from layerkit.errors import Problem, UserError


def unheld_options(component: Component, dtype: DType) -> Iterator[Problem]:
    """Yield the options that a type of numbers turns into 0 or infinity, each with what to do.

    Components among the options are searched too.

    Args:
        component: The component.
        dtype: The type that it will compute in.

    Returns:
        What is wrong with each of them, and where it is among the options.
    """
    info = np.finfo(dtype)
    least, most = float(info.smallest_subnormal), float(info.max)
    for option in option_parameters(type(component)):
        value = getattr(component, option, None)
        if isinstance(value, Component):
            for problem in unheld_options(value, dtype):
                yield replace(problem, path=(option, *problem.path))
        elif isinstance(value, float) and (0 < abs(value) < least or most < abs(value) < math.inf):
            name = np.dtype(dtype).name  # slow and seldom needed, so not outside the loop
            becomes = "0" if abs(value) < least else "infinity"
            wider = "" if name == "float64" else ', or compute in "dtype": "float64"'
            yield Problem(
                "unheld-number",
                (option,),
                f"a number that {name} holds",
                f"{value:g}, which becomes {becomes}",
                hint=f"choose one from {least:.2g} to {most:.2g}{wider}",
            )


def refuse_unheld_options(component: Component, dtype: DType) -> None:
    """Refuse a component with an option that a type of numbers turns into 0 or infinity.

    Raises:
        UserError: Names the option, and says what to do.
    """
    for problem in unheld_options(component, dtype):
        where = ".".join(map(str, problem.path))
        raise UserError(f"{type(component).__name__}: {where} {problem.message}")
