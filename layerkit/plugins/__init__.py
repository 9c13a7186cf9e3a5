"""Plugins: the hooks they may implement, and the discovery of installed ones."""

from layerkit.plugins.discovery import Plugins, is_strict, load_plugins, load_registry
from layerkit.plugins.reports import RUN_HOOKS, PluginReport, PluginState, in_order, one_line

__all__ = [
    "RUN_HOOKS",
    "PluginReport",
    "PluginState",
    "Plugins",
    "in_order",
    "is_strict",
    "load_plugins",
    "load_registry",
    "one_line",
]
