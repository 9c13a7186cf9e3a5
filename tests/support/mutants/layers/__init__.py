"""Layers with one mistake each, in one module for each module of laws of layers."""

from mutants.layers import claims, dtypes, gradients, memory, shapes, sound, training

__all__ = ["claims", "dtypes", "gradients", "memory", "shapes", "sound", "training"]
