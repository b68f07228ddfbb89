"""Unit files on disk: finding, enabling, disabling and masking them, and what starts what at boot.

Search order and symlinks are those of systemd.unit(5). Nothing is cached: an update that replaces
a unit file is seen at once, so daemon-reload has nothing to do.
"""

from pathlib import Path

from .unit import PULLS, Unit, parse_sections, parse_unit, triggered, unit_name

ADMIN = "etc/systemd/system"  # symlinks of enabled and masked units, and the site's own units
VENDOR = "usr/lib/systemd/system"  # units of packages

_BOOT = "multi-user.target"
_LINKS = {"wants": "WantedBy", "requires": "RequiredBy"}
_FOLDERS = tuple(f".{ending}" for ending in _LINKS)


class UnitFileError(Exception):
    """A unit file cannot be enabled, disabled or masked; the text says why, as systemctl does."""


class UnitFiles:
    """The unit files below a root directory."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._admin = root / ADMIN
        self._vendor = root / VENDOR

    def find(self, name: str) -> Path | None:
        """The unit file of that name, or None. A masked unit's is the link to /dev/null."""
        for directory in (self._admin, self._vendor):
            path = directory / unit_name(name)
            if path.exists() or path.is_symlink():
                return path
        return None

    def load(self, name: str) -> Unit | None:
        """Read a unit; None where there is no such file or it is masked.

        Raises ValueError where the file cannot be understood.
        """
        path = self.find(name)
        if path is None or self.is_masked(name):
            return None
        drop_ins = {self._shown(file): file.read_text() for file in self.drop_ins(name)}
        return parse_unit(path.name, self._shown(path), path.read_text(), drop_ins)

    def drop_ins(self, name: str) -> list[Path]:
        """The files NAME.d/*.conf that add to a unit, in the order of their names.

        One of the site's stands in the place of a package's of the same name; as a link to
        /dev/null it adds nothing.
        """
        found = {
            file.name: file
            for directory in (self._vendor, self._admin)
            for file in (directory / f"{unit_name(name)}.d").glob("*.conf")
        }
        return [found[key] for key in sorted(found) if found[key].is_file()]

    def is_masked(self, name: str) -> bool:
        """Whether a link to /dev/null stands in the unit's place."""
        path = self._admin / unit_name(name)
        return path.is_symlink() and str(path.readlink()) == "/dev/null"

    def names(self) -> list[str]:
        """The names of all service units."""
        found = {
            path.name
            for directory in (self._admin, self._vendor)
            for path in directory.glob("*.service")
        }
        return sorted(found)

    def state(self, name: str) -> str | None:
        """What `systemctl is-enabled` says: enabled, disabled, static, linked, masked, bad.

        None if it is unknown.
        """
        if self.is_masked(name):
            return "masked"
        try:
            unit = self.load(name)
        except ValueError:
            return "bad"
        if unit is None:
            return None
        if any(link.is_symlink() for link in self._links(unit)):
            return "enabled"
        if (self._admin / unit.name).is_symlink():
            return "linked"
        return "disabled" if unit.wanted_by else "static"

    def enabled(self) -> list[str]:
        """The names of the service units that are enabled."""
        return [name for name in self.names() if self.state(name) == "enabled"]

    def at_boot(self) -> list[str]:
        """The names of the units that start at boot: those enabled, and what they pull in."""
        pulled = (names for other in self._loaded() for names in self._pulled_by(other).values())
        return list(dict.fromkeys([*self.enabled(), *(name for names in pulled for name in names)]))

    def pullers(self, name: str) -> dict[str, list[str]]:
        """What starts a unit, by the property in which systemd names it."""
        found: dict[str, list[str]] = {}
        for ending, key in _LINKS.items():
            found[key] = [folder.stem for folder in self._linking(name, ending)]
        for other in self._loaded():
            for key, names in self._pulled_by(other).items():
                found.setdefault(key, []).extend([other] if name in names else [])
            started = triggered(other, parse_sections(*self._site_texts(other)))
            found.setdefault("TriggeredBy", []).extend([other] if started == name else [])
        return {key: list(dict.fromkeys(names)) for key, names in found.items()}

    def _linking(self, name: str, ending: str) -> list[Path]:
        """The folders like TARGET.wants with a link to a unit."""
        folders = (f for where in (self._admin, self._vendor) for f in where.glob(f"*.{ending}"))
        return [folder for folder in folders if (folder / name).is_symlink()]

    def _loaded(self) -> list[str]:
        """The units of which the site has written something and that start at boot."""
        files = [path for path in self._admin.glob("*.*") if not path.is_symlink()]
        written = {path.name.removesuffix(".d") for path in files if path.suffix not in _FOLDERS}
        todo = [name for name in written if name == _BOOT or self.state(name) == "enabled"]
        found = dict.fromkeys(todo)
        while todo:
            pulled = [name for names in self._pulled_by(todo.pop()).values() for name in names]
            todo += (name for name in pulled if name in written and name not in found)
            found |= dict.fromkeys(todo)
        return list(found)

    def _pulled_by(self, name: str) -> dict[str, list[str]]:
        """What a unit starts as well, by the property of those in which systemd names it."""
        unit = parse_sections(*self._site_texts(name)).get("Unit", {})
        return {
            inverse: [word for value in unit.get(key, []) for word in value.split()]
            for key, inverse in PULLS.items()
        }

    def _site_texts(self, name: str) -> list[str]:
        """What the site has written of a unit; a distribution's own ones pull nothing in here."""
        file, added = self._admin / name, sorted((self._admin / f"{name}.d").glob("*.conf"))
        return [path.read_text() for path in (file, *added) if path.is_file()]

    def enable(self, name: str) -> list[str]:
        """Have a unit start at boot; give a line for each symlink made."""
        unit = self._installable("enable", name)
        made = []
        for link in self._links(unit):
            if link.is_symlink():
                continue
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(unit.path)
            made.append(f"Created symlink {self._shown(link)} → {unit.path}.")
        return made

    def disable(self, name: str) -> list[str]:
        """Have a unit not start at boot; give a line for each symlink removed.

        That of a unit whose file is elsewhere is removed as well.
        """
        full = unit_name(name)
        folders = [*sorted(self._admin.glob("*.wants")), self._admin]
        links = [path / full for path in folders if (path / full).is_symlink()]
        if self.is_masked(full):
            links.remove(self._admin / full)
        if self.find(full) is None and not links:
            raise UnitFileError(f"Failed to disable unit: Unit file {full} does not exist.")
        for link in links:
            link.unlink()
        return [f"Removed {self._shown(link)}." for link in links]

    def mask(self, name: str) -> list[str]:
        """Put a link to /dev/null in the unit's place, so that nothing starts it."""
        link = self._admin / unit_name(name)
        if self.is_masked(name):
            return []
        if link.exists():
            shown = self._shown(link)
            raise UnitFileError(f"Failed to mask unit: File {shown} already exists.")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to("/dev/null")
        return [f"Created symlink {self._shown(link)} → /dev/null."]

    def unmask(self, name: str) -> list[str]:
        """Take the link to /dev/null away again."""
        if not self.is_masked(name):
            return []
        link = self._admin / unit_name(name)
        link.unlink()
        return [f"Removed {self._shown(link)}."]

    def _installable(self, verb: str, name: str) -> Unit:
        full = unit_name(name)
        if self.is_masked(full):
            raise UnitFileError(f"Failed to {verb} unit: Unit file /{ADMIN}/{full} is masked.")
        unit = self.load(full)
        if unit is None:
            raise UnitFileError(f"Failed to {verb} unit: Unit file {full} does not exist.")
        return unit

    def _links(self, unit: Unit) -> list[Path]:
        return [self._admin / f"{target}.wants" / unit.name for target in unit.wanted_by]

    def _shown(self, path: Path) -> str:
        return f"/{path.relative_to(self._root)}"
