"""What holds for the whole package, read from its source."""

import ast
import inspect
import pkgutil
import subprocess
import tomllib
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from evalgate import records
from evalgate.records.base import Record
from evalgate.stages.schemas import all_schemas

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "evalgate").rglob("*.py"))
NOT_NAMES = {"util", "helper", "manager", "handler", "processor", "data", "info", "common", "misc"}
"""From DESIGN.md, section 3: words that say nothing."""
OTHERS = {"boto3", "datasets", "github", "openai", "ray", "requests", "yaml", "pytest", "hypothesis", "tokenizers", "numpy"}
"""Libraries that are near enough to be mistaken, beside those that we depend on."""
INDEX_HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("files", "pythonhosted", "org"), ("download", "pytorch", "org"))]


def dependencies() -> set[str]:
    """Import names of all that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]
    return {name.split(">")[0].split("=")[0].split(".")[0].replace("-", "_").lower() for name in asked}


def all_records() -> list[type[Record]]:
    modules = [import_module(f"{records.__name__}.{found.name}") for found in pkgutil.iter_modules(records.__path__)]
    found = {kind for module in modules for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, Record)}
    return sorted(found - {Record}, key=lambda kind: kind.__name__)


def tracked(*suffixes: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return [ROOT / name for name in listed.stdout.splitlines() if name.endswith(suffixes) and (ROOT / name).is_file()]


def reads_the_environment(tree: ast.AST) -> bool:
    """True for `os.environ`, `os.getenv`, `from os import environ` and their kin."""
    names = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in names and isinstance(node.value, ast.Name) and node.value.id == "os":
            return True
        if isinstance(node, ast.ImportFrom) and node.module == "os" and names & {alias.name for alias in node.names}:
            return True
    return False


def broad_excepts(tree: ast.AST) -> list[int]:
    """Lines of `except:` and `except Exception:`."""
    handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    broad = [node for node in handlers if node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception")]
    return [node.lineno for node in broad]


def test_environment__is_read_in_settings_alone():
    readers = [path.relative_to(ROOT) for path in MODULES if reads_the_environment(ast.parse(path.read_text()))]
    assert readers == [Path("evalgate/settings.py")]


def test_broad_except__stands_at_the_top_of_the_command_line_alone():
    found = [path.relative_to(ROOT) for path in MODULES if broad_excepts(ast.parse(path.read_text()))]
    assert found == [Path("evalgate/cli/main.py")]


def test_module__is_never_named_like_a_library_or_after_nothing():
    names = {part for path in MODULES for part in path.relative_to(ROOT / "evalgate").with_suffix("").parts}
    assert names & (dependencies() | OTHERS) == set()
    assert {name for name in names for word in name.split("_") if word.rstrip("s") in NOT_NAMES} == set()


def test_public_door__leads_to_every_name_it_promises():
    spec = spec_from_file_location("door", ROOT / "evalgate" / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    door = module_from_spec(spec)
    spec.loader.exec_module(door)
    assert sorted(door.__all__) == ["check", "evaluate", "gate", "open_workspace", "resolve", "train"]
    assert all(callable(getattr(door, name)) for name in door.__all__)
    with pytest.raises(AttributeError, match="no attribute 'judge'"):
        door.__getattr__("judge")


def test_published_schemas__are_those_of_the_records():
    published = {path.name: path.read_bytes() for path in (ROOT / "schemas").iterdir()}
    assert published == all_schemas(), "run `make schemas`"


@pytest.mark.parametrize("kind", all_records(), ids=lambda kind: kind.__name__)
def test_record__is_frozen_strict_and_says_what_every_field_is(kind):
    assert kind.__doc__
    assert [name for name, field in kind.model_fields.items() if not field.description] == []
    assert {kind.model_config.get(key) for key in ("frozen", "strict")} == {True}
    assert kind.model_config.get("extra") == "forbid"
    assert kind.model_config.get("allow_inf_nan") is False


def test_no_file__names_a_package_index():
    files = tracked(".py", ".md", ".txt", ".toml", ".yml", ".yaml", "Makefile", "run", "install", "publish")
    assert len(files) > 100
    naming = [path.relative_to(ROOT) for path in files for host in INDEX_HOSTS if host in path.read_text(errors="replace")]
    assert naming == []


def test_no_module__is_longer_than_a_reader_can_hold():
    assert [path.name for path in MODULES if len(path.read_text().splitlines()) > 350] == []
