"""The markers of hooks, in a module that imports none of the types in their signatures."""

import pluggy

PROJECT = "layerkit"
"""The name of the entry-point group, and of pluggy's project."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
