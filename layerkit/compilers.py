"""Who may make training steps faster, where a network does not say.

Training looks nothing up, because who is installed is known on floors above it. The package root
stands above them all and hands ``find`` down, so that a ``Trainer`` made in Python has the same
steps as a run of the command.
"""

from collections.abc import Callable, Sequence

TYPE_CHECKING = False  # typing takes the command a while to import
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    # ``layerkit.training.step.Compiler``, whose parts have no names yet on this floor.
    AnyCompiler: TypeAlias = Callable[..., Any]

find: "Callable[[], Sequence[AnyCompiler]]" = tuple
"""Returns the compilers of all installed plugins, in the order to ask them."""
