"""The text of plugins, for tests that install one and do not care what its layer computes."""


def identity_plugin(name: str, summary: str = "", before: str = "pass") -> str:
    """Return the module of a plugin with one layer, which returns its inputs.

    Args:
        name: The name of the layer.
        summary: The docstring of its class.
        before: A statement that ``forward`` executes first, in one line.
    """
    return f"""\
import os, signal

from layerkit import Layer, hookimpl

class {name.capitalize()}(Layer):
    '''{summary}'''

    def forward(self, x):
        {before}
        return x

    def backward(self, dout):
        return dout

@hookimpl
def layerkit_register(registry):
    registry.layer("{name}", {name.capitalize()})
"""
