"""The levels, the sizes and the public names: what keeps the library small enough to hold in one head."""

import ast
from pathlib import Path

import pytest

import enfold

SOURCE = Path(enfold.__file__).parent
LEVELS = [
    "version",
    "errors",
    "files",
    "options",
    "rows",
    "spec",
    "data",
    "devices",
    "processes",
    "distributions",
    "corruptions",
    "neighbors",
    "nets",
    "priors",
    "model",
    "inference",
    "objectives",
    "optimizers",
    "schedules",
    "config",
    "recipes",
    "batches",
    "build",
    "state",
    "training",
    "learning",
    "checkpoints",
    "weights",
    "metrics",
    "run",
    "latent",
    "reductions",
    "plots",
    "sections",
    "report",
    "fitting",
    "comparison",
    "estimators",
    "export",
    "explorer",
    "cli",
]  # a module imports only from levels before its own, or from its own package
PUBLIC = [
    "AE",
    "VAE",
    "Autoencoder",
    "Column",
    "Comparison",
    "Config",
    "Dataset",
    "InputError",
    "Progress",
    "RECIPES",
    "Run",
    "Spec",
    "Terms",
    "compare",
    "fit",
    "load",
    "open",
    "resume",
    "train",
]
FILES = {path.relative_to(SOURCE): ast.parse(path.read_text("utf-8")) for path in SOURCE.rglob("*.py")}
MOST_LINES = 400
LONG_FUNCTION, LONGEST_FUNCTION = 20, 35
SHARE_OF_LONG_FUNCTIONS = 0.05
MOST_PARAMETERS = 6


def level_of(module):
    return LEVELS.index(module)


def imported(tree):
    """The second part of every `enfold.…` that the file imports anywhere, be it a module or a public name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "enfold":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("enfold."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            yield from (name[-1] if len(name) == 1 else name[1] for name in names if name[0] == "enfold")


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def lines(function):
    """How many lines the body has without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def is_face(function, path):
    """Commands and estimators have a parameter for each option of theirs."""
    is_command = any("command" in ast.unparse(decorator) for decorator in function.decorator_list)
    faces = [("__init__", Path("estimators.py")), ("fit", Path("cli/fitting.py"))]
    return is_command or (function.name, path) in faces


def test_every_module_has_a_level():
    assert {path.parts[0].removesuffix(".py") for path in FILES} - {"__init__"} == set(LEVELS)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_module_imports_only_from_levels_above(path):
    if path == Path("__init__.py"):
        return
    own = path.parts[0].removesuffix(".py")
    for module in imported(FILES[path]):
        assert module in LEVELS, f"{path} imports {module} from the package, which imports all others"
        assert module == own or level_of(module) < level_of(own), f"{path} imports {module}"


@pytest.mark.parametrize("line", ["from enfold import __version__", "from enfold import Config", "import enfold"])
def test_an_import_from_the_package_itself_is_no_level(line):
    assert not set(imported(ast.parse(line))) <= set(LEVELS)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_files_and_functions_are_short(path):
    assert len((SOURCE / path).read_text("utf-8").splitlines()) < MOST_LINES
    for function in functions(FILES[path]):
        arguments = function.args
        count = len(arguments.posonlyargs + arguments.args + arguments.kwonlyargs)
        own = [a.arg for a in arguments.args[:1] if a.arg in ("self", "cls")]
        assert lines(function) <= LONGEST_FUNCTION, function.name
        assert count - len(own) <= MOST_PARAMETERS or is_face(function, path), function.name


def test_few_functions_are_long():
    every = [function for tree in FILES.values() for function in functions(tree)]
    long = [function.name for function in every if lines(function) > LONG_FUNCTION]
    assert len(long) <= SHARE_OF_LONG_FUNCTIONS * len(every), long


def test_the_public_names_are_these():
    assert sorted(enfold.__all__) == sorted(PUBLIC)
    assert all(getattr(enfold, name) is not None for name in PUBLIC)
    assert set(dir(enfold)) == {*PUBLIC, "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = enfold.nothing


@pytest.mark.parametrize("path", FILES, ids=str)
def test_everything_public_is_documented(path):
    tree = FILES[path]
    assert ast.get_docstring(tree), path
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
