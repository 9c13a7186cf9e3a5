"""The compilers of training steps, for networks that name none.

Training looks nothing up, because only floors above it know which plugins are installed. The
package root stands above them all and sets ``find``, so a ``Trainer`` made in Python has the same
steps as a run of the command.
"""

from collections.abc import Callable, Sequence

TYPE_CHECKING = False  # typing takes the command a while to import
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    # ``layerkit.training.step.Compiler``, whose argument types do not exist on this floor.
    AnyCompiler: TypeAlias = Callable[..., Any]

find: "Callable[[], Sequence[AnyCompiler]]" = tuple
"""Returns the compilers of all installed plugins, in the order in which to ask them."""
