"""The installed plugins, as their metadata has them: which there are, chosen and compatible."""

import os
import traceback
from importlib.metadata import Distribution, EntryPoint
from typing import NamedTuple

from layerkit.contracts.registrar import Provider
from layerkit.distributions import (
    DamagedError,
    canonical_name,
    entry_points,
    installed,
    mentions,
    name_and_version,
    name_and_version_by_folder,
)
from layerkit.errors import PluginError
from layerkit.markers import PROJECT
from layerkit.plugins.reports import PluginReport
from layerkit.registry import BUILTIN
from layerkit.version import __version__
from layerkit.wording import did_you_mean, visible


class Installed(NamedTuple):
    """An entry point and its provider."""

    point: EntryPoint
    provider: Provider


def installed_plugins() -> tuple[list[Installed], list[PluginReport]]:
    """Return the installed plugins by distribution and name, and reports of damaged ones."""
    plugins: list[Installed] = []
    damaged: list[PluginReport] = []
    for distribution in installed():
        try:
            points = entry_points(distribution, PROJECT)
            if points:
                name, version = name_and_version(distribution)
                plugins += [
                    Installed(point, Provider(name, version, visible(point.value)))
                    for point in points
                ]
        except DamagedError as error:
            damaged.append(_damaged(distribution, error))
    plugins.sort(key=lambda plugin: (plugin.provider.distribution, plugin.point.name))
    damaged.sort(key=lambda report: report.name)
    return plugins, damaged


def _damaged(distribution: Distribution, error: DamagedError) -> PluginReport:
    """Return a report of a distribution whose metadata cannot be read."""
    try:
        name, version = name_and_version(distribution)
    except DamagedError:  # the name and the version are what is damaged
        name, version = name_and_version_by_folder(distribution)
    return PluginReport(
        name,
        Provider(name, version, ""),
        state="broken" if mentions(distribution, PROJECT) else "unreadable",
        reason=f"{error}; install {name} again",
        traceback="".join(traceback.format_exception(error)),
    )


def chosen(plugins: list[Installed]) -> list[Installed]:
    """Return the plugins that ``LAYERKIT_PLUGINS`` names; all of them if it is not set."""
    setting = os.environ.get("LAYERKIT_PLUGINS")
    if setting is None:
        return plugins
    matching: set[str] = set()
    installed_names = sorted({n for p in plugins for n in (p.point.name, p.provider.distribution)})
    for name in sorted({name.strip() for name in setting.split(",") if name.strip()}):
        names = {name, canonical_name(name)}.intersection(installed_names)
        if not names:
            advice = did_you_mean(name, installed_names)
            advice = advice or f"; installed: {', '.join(installed_names) or 'none'}"
            raise PluginError(f'LAYERKIT_PLUGINS: no plugin is named "{name}"{advice}')
        matching |= names
    return [p for p in plugins if matching & {p.point.name, p.provider.distribution}]


def unmet(plugin: Installed) -> str:
    """Return a requirement on layerkit that is not met, in words, or nothing."""
    if plugin.point.dist is None:  # only for the built-ins
        return ""
    # Imported here, because the import takes as long as loading many plugins.
    from packaging.requirements import Requirement
    from packaging.version import Version

    own = Version(__version__)
    for requirement in map(Requirement, plugin.point.dist.requires or ()):
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if not applies or canonical_name(requirement.name) != BUILTIN:
            continue
        for part in requirement.specifier:
            if not part.contains(own, prereleases=True):
                bound = Version(part.version.removesuffix(".*"))
                late = bound < own or part.operator.startswith("<")
                outdated = plugin.provider.distribution if late else BUILTIN
                return f"needs {BUILTIN} {part}, this is {own}; upgrade {outdated}"
    return ""
