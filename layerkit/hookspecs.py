"""The hooks that a plugin may implement."""

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from layerkit.registry import Registrar

PROJECT = "layerkit"
"""The name of the entry-point group, and of pluggy's project."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def layerkit_register(registry: "Registrar") -> None:
    """Register components, as in ``registry.layer("swish", Swish)``.

    Args:
        registry: Has one method for each kind of component: ``layer``, ``loss``, ``optimizer``,
            ``schedule``, ``initializer``, ``dataset`` and ``metric``.
    """
