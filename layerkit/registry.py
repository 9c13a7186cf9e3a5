"""The registry of components and their providers.

Nothing is ever replaced. The name of a built-in always means the built-in. A name that two packages
claim is contested, and then only the qualified name (``"layerkit-foo/swish"``) is unambiguous.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from layerkit.contracts.registrar import Entry, Provider
from layerkit.distributions import canonical_name
from layerkit.errors import PluginError, Suggestion
from layerkit.wording import nearest, quoted, slips, with_article

if TYPE_CHECKING:
    from layerkit.compilers import AnyCompiler

BUILTIN = "layerkit"
"""The distribution whose names nobody can take."""


class UnknownComponentError(KeyError):
    """No usable component has that name; the message suggests others.

    Args:
        message: The missing name.
        advice: Returns the advice and the suggested name. It is called only when the message is
            read, because comparing names takes longer than finding out that one is unknown.
    """

    def __init__(
        self, message: str, advice: Callable[[], tuple[str, Suggestion | None]] = lambda: ("", None)
    ) -> None:
        super().__init__(message)
        self._advice = advice

    @cached_property
    def _advised(self) -> tuple[str, Suggestion | None]:
        return self._advice()

    @property
    def hint(self) -> str:
        """What to do; nothing where a name comes close."""
        return self._advised[0]

    @property
    def suggestion(self) -> Suggestion | None:
        """The name that may have been meant."""
        return self._advised[1]

    def __str__(self) -> str:
        words = (self.args[0], self.hint, str(self.suggestion or ""))
        return "; ".join(part for part in words if part)


class ContestedNameError(UnknownComponentError):
    """Several packages claim that name; the message names them."""


MOST_SUSPECTS = 3
"""The most plugins that do not work that a message names."""


@dataclass
class Registry:
    """The components of the built-ins and of every plugin that works.

    Attributes:
        shadowed: Components that lost their bare name to a built-in.
        compilers: Functions of working plugins that may make training steps faster.
        absent: The reason for each plugin that does not work; shown if a component is missing.
        providers: The plugins that work.
        former: The distribution that a component came from according to a lock, and its
            description with the version, by kind and name; shown if the component is missing.
    """

    shadowed: list[Entry] = field(default_factory=list)
    compilers: "list[AnyCompiler]" = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    providers: list[Provider] = field(default_factory=list)
    former: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    _claims: dict[tuple[str, str], list[Entry]] = field(default_factory=dict)

    def admit(self, entries: list[Entry]) -> None:
        """Add the components that one plugin registered, all of them or none.

        Raises:
            PluginError: Another plugin of the same distribution has already registered a name.
        """
        qualified = {(e.kind, e.qualified_name) for e in self}
        for entry in entries:
            if (entry.kind, entry.qualified_name) in qualified:
                raise PluginError(f'{entry.kind} "{entry.name}" is registered twice')
        for entry in entries:
            claims = self._claims.setdefault((entry.kind, entry.name), [])
            if claims and claims[0].provider.distribution == BUILTIN:
                self.shadowed.append(entry)
            claims.append(entry)

    def __iter__(self) -> Iterator[Entry]:
        for claims in self._claims.values():
            yield from claims

    def contested(self) -> list[list[Entry]]:
        """Return the names that several packages claim, each as the list of its claimants."""
        return [
            claims
            for claims in self._claims.values()
            if len(claims) > 1 and claims[0].provider.distribution != BUILTIN
        ]

    def names(self, kind: str) -> list[str]:
        """Return the usable names of a kind, sorted; qualified if necessary."""
        return sorted(self.name_of(entry) for entry in self if entry.kind == kind)

    def name_of(self, entry: Entry) -> str:
        """Return the name by which a spec finds a component: bare, or qualified if necessary."""
        claims = self._claims[entry.kind, entry.name]
        uncontested = len(claims) == 1 or entry.provider.distribution == BUILTIN
        return entry.name if uncontested else entry.qualified_name

    def find(self, kind: str, name: str) -> Entry:
        """Return the component of that kind and name.

        Args:
            kind: The kind, such as ``"layer"``.
            name: Bare (``"swish"``) or qualified (``"layerkit-foo/swish"``), with any spelling of
                the package that pip accepts.

        Raises:
            UnknownComponentError: There is none.
            ContestedNameError: Several packages claim the name.
        """
        distribution, bare = split_name(name)
        claims = self._claims.get((kind, bare), [])
        if distribution:
            claims = [e for e in claims if e.provider.distribution == distribution]
        if len(claims) == 1 or (claims and claims[0].provider.distribution == BUILTIN):
            return claims[0]
        if claims:
            raise ContestedNameError(
                f"{kind} {quoted(name)} is claimed by several packages; write "
                + " or ".join(f'"{e.qualified_name}"' for e in claims)
            )
        raise UnknownComponentError(
            f"no {kind} is named {quoted(name)}", lambda: self._advice(kind, name)
        )

    def slips(self, kind: str, name: str) -> list[str]:
        """Return the names that a single slip of the keys may have turned into a missing one.

        If that is qualified, its bare part is compared with the names of that package.
        """
        prefix, slash, bare = name.rpartition("/")
        if not slash:
            return slips(name, self.names(kind))
        distribution, _ = split_name(name)
        own = {e.name for e in self if e.kind == kind and e.provider.distribution == distribution}
        return [f"{prefix}/{other}" for other in slips(bare, sorted(own))]

    def suspects(self, name: str) -> str:
        """Return, as the end of a message, the broken plugins that may have a missing component."""
        return "".join(f"; {hint}" for hint in self._suspected(name))

    def _suspected(self, name: str) -> list[str]:
        """Return the broken plugins that may have a missing component.

        Args:
            name: The missing name. If it names its package, only that package counts; a plugin of
                the same name comes first.
        """
        distribution, bare = split_name(name)
        suspects = [
            (plugin, reason)
            for plugin, reason in self.absent.items()
            if not distribution or plugin.startswith(f"plugin {distribution} (")
        ]
        suspects.sort(key=lambda each: not each[0].endswith(f"({bare})"))
        hints = [
            f"{plugin}, which is not working, may have it: {reason}"
            for plugin, reason in suspects[:MOST_SUSPECTS]
        ]
        more = len(suspects) - MOST_SUSPECTS
        if more > 0:
            hints.append(f"{more} more are not working, see: layerkit plugins")
        return hints

    def _origin(self, kind: str, name: str) -> list[str]:
        """Return who provided a component when a lock was written, if that is known."""
        distribution, bare = split_name(name)
        former, described = self.former.get((kind, bare), ("", ""))
        is_absent = any(plugin.startswith(f"plugin {former} (") for plugin in self.absent)
        if not former or distribution not in ("", former) or is_absent:
            return []
        state = "which is not installed"
        if any(provider.distribution == former for provider in self.providers):
            state = "but the version that is installed has none"
        elif "LAYERKIT_PLUGINS" in os.environ:
            state += ", or which LAYERKIT_PLUGINS leaves out"
        return [f"it came from {described}, {state}"]

    def _advice(self, kind: str, name: str) -> tuple[str, Suggestion | None]:
        """Return what to do about a name that is missing, and the one that comes close."""
        hints = [*self._suspected(name), *self._origin(kind, name)]
        if self._origin(kind, name):
            return "; ".join(hints), None
        other = sorted({e.kind for e in self if e.name == name})
        close = ""
        if other:
            hints.append(f"{quoted(name)} names {' and '.join(map(with_article, other))}")
        else:
            names = self.names(kind)
            near = self.slips(kind, name)  # also where only case differs, as in RELU
            close = near[0] if len(near) == 1 else nearest(name, names)
            close = close or nearest(name.rpartition("/")[2], names)
        if not hints and not close:
            hints.append(f"see: layerkit layers --kind {kind}")
        return "; ".join(hints), Suggestion(f'"{close}"', "maybe") if close else None


def split_name(name: str) -> tuple[str, str]:
    """Return the distribution in a qualified name, normalised, or nothing; and the bare name."""
    distribution, _, bare = name.rpartition("/")
    return canonical_name(distribution), bare
