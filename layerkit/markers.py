"""The markers of hooks: what a plugin needs of pluggy, and nothing of what the hooks speak of."""

import pluggy

PROJECT = "layerkit"
"""The name of the entry-point group, and of pluggy's project."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
