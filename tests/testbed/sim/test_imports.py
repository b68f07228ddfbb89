"""Which of the simulated programs' folders may know which: no circles, and dialects are leaves."""

import ast
from pathlib import Path

import pytest

SIM = Path(__file__).parents[3] / "testbed" / "sim"
MODULES = {path: path.relative_to(SIM) for path in sorted(SIM.rglob("*.py"))}
KNOWS = {  # besides itself
    ".": {"common"},
    "common": set(),
    "protocol": {"common"},
    "engine": {"common"},
    "server": {".", "common", "protocol", "engine"},
    "client": {"common", "protocol", "engine"},
    "dmg": {"common", "protocol"},
    "daos": {"common", "client", "dmg"},
}


def imported(path: Path) -> set[Path]:
    """The modules and folders that a module imports, as paths below `sim`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = MODULES[path].parents[node.level - 1].joinpath(*(node.module or "").split("."))
            names = [folder / alias.name for alias in node.names]
            found |= {folder, *names}
    return {thing for thing in found if (SIM / thing).with_suffix(".py").exists()}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SIM)))
def test_a_program_knows_only_what_is_below_it(path: Path) -> None:
    room = MODULES[path].parent.as_posix()
    others = {thing.parent.as_posix() for thing in imported(path)} - {room}
    assert others <= KNOWS[room]


def test_no_module_imports_itself_by_way_of_others() -> None:
    known = {MODULES[path].with_suffix(""): imported(path) for path in MODULES}
    while ends := {module for module in known if not known[module] & known.keys()}:
        known = {module: known[module] for module in known.keys() - ends}
    assert not known


def test_only_a_programs_entry_knows_a_dialect() -> None:
    dialects = {MODULES[path].with_suffix("") for path in MODULES if path.stem[-1].isdigit()}
    knowing = {MODULES[path].stem for path in MODULES if imported(path) & dialects}
    assert knowing <= {"dmg", "daos", "dfuse", "commands_1_0"}
