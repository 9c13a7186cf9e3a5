"""``layerkit new``: a plugin or a spec to start from."""

import builtins
import keyword
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated

import typer

import layerkit
from layerkit.cli.arguments import path
from layerkit.cli.terminal import echo
from layerkit.errors import UserError
from layerkit.paths import expanded, write_whole
from layerkit.wording import quoted

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

DEVICES = {
    *("con", "prn", "aux", "nul"),
    *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)),
}
"""The names that Windows reserves for devices in every folder, with any ending."""

new = typer.Typer(name="new", help="Write a plugin or a spec to start from.", no_args_is_help=True)


@new.command()
def plugin(
    name: Annotated[str, typer.Argument(help="The name after layerkit-, as in swish.")],
    folder: Annotated[
        Path,
        typer.Option("--in", help="The folder to create layerkit-NAME in.", parser=path),
    ] = Path(),
) -> None:
    """Write a distribution with one layer, tested and ready to publish.

    Example: layerkit new plugin swish
    """
    # Here and below, imports wait until the verb runs, because otherwise every start of the command
    # would take longer, even for --help. NumPy and the plugins take the longest.
    from tempfile import TemporaryDirectory

    name = name.removeprefix("layerkit-")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise UserError(f"a plugin is named in lower case, as in gated-relu, got {quoted(name)}")
    layer = name.replace("-", "_")
    cls = "".join(part.capitalize() for part in name.split("-"))
    if owner := _owner(layer, cls):
        raise UserError(f'"{name}" already names {owner}; choose another name, such as my-{name}')
    words = {
        "name": name,
        "layer": layer,
        "module": f"layerkit_{layer}",
        "cls": cls,
        "version": layerkit.__version__,
    }
    folder = expanded(folder)
    target = folder / f"layerkit-{name}"
    _refuse_existing(target)
    # Written in a temporary folder and then moved, so that nothing half-done is left behind.
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as aside:
            written = Path(aside) / target.name
            _fill(_template("plugin"), written, words)
            os.replace(written, target)
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror}") from None
    echo(
        f"wrote {target}; now:",
        f'  cd {target} && pip install -e ".[test]" && pytest',
        f"  layerkit describe {layer}",
    )


@new.command()
def spec(
    file: Annotated[
        Path,
        typer.Argument(help="The file to write, as in my_net.json.", parser=path),
    ],
) -> None:
    """Write a spec that trains on the handwritten digits.

    Example: layerkit new spec my_net.json
    """
    file = expanded(file)
    if file.suffix != ".json":
        raise UserError(f"{file}: a spec is a file that ends in .json")
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", file.stem):
        raise UserError(f"{file}: its name may have letters, digits, and _ . - inside")
    device = file.name.partition(".")[0]
    if device.lower() in DEVICES:
        raise UserError(
            f'{file}: on Windows "{device}" names a device, with any ending; choose another name'
        )
    _refuse_existing(file)
    try:
        template = Template(_template("spec.json.template").read_text(encoding="utf-8"))
        text = template.substitute(name=file.stem)
        write_whole(file, lambda opened: opened.write(text.encode()))
    except OSError as error:
        raise UserError(f"{file}: cannot be written: {error.strerror}") from None
    echo(f"wrote {file}; now:", f"  layerkit check {file}", f"  layerkit run {file}")


def _owner(layer: str, cls: str) -> str | None:
    """Return in words what already has the name of a plugin's layer or class, if anything."""
    # Late, for the reason given in plugin.
    from pkgutil import iter_modules

    from layerkit.plugins import load_registry
    from layerkit.registry import BUILTIN

    builtin = {e.name for e in load_registry() if e.provider.distribution == BUILTIN}
    modules = {BUILTIN, *(module.name for module in iter_modules(layerkit.__path__))}
    # Many names of layerkit are loaded on first use; __all__ has all of them, vars() does not.
    if layer in builtin | modules or cls in layerkit.__all__:
        return "something of layerkit"
    if cls in {*dir(builtins), *keyword.kwlist} or layer in {
        *sys.stdlib_module_names,
        *keyword.kwlist,
    }:
        return "something of Python"
    if layer in DEVICES:
        return "a device of Windows"
    if _is_installed(layer) or _is_installed(f"layerkit_{layer}"):
        return "an installed package"
    return None


def _is_installed(module: str) -> bool:
    """Return whether a module can be imported from outside the current folder.

    ``python -m`` searches the current folder too, and takes any folder in it for a package.
    """
    try:
        spec = find_spec(module)
    except ValueError:  # a module created at run time, without a spec
        return True
    if spec is None:
        return False
    places = spec.submodule_search_locations or [spec.origin or ""]
    return any(Path(place).parent != Path.cwd() for place in places)


def _refuse_existing(path: Path) -> None:
    if os.path.lexists(path):
        raise UserError(f"{path}: already exists, and nothing is overwritten; remove it first")


def _template(name: str) -> "Traversable":
    # Late, for the reason given in plugin.
    from importlib.resources import files

    return files("layerkit.cli") / "templates" / name


def _fill(template: "Traversable", target: Path, words: dict[str, str]) -> None:
    """Copy a template, including folders, with its placeholders replaced."""
    if template.is_dir():
        target.mkdir()
        for inner in template.iterdir():
            name = inner.name.replace("MODULE", words["module"]).removesuffix(".template")
            _fill(inner, target / name, words)
    else:
        text = Template(template.read_text(encoding="utf-8")).substitute(words)
        write_whole(target, lambda file: file.write(text.encode()))
