"""Settings in files: YAML that people write and exchange."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any

from facedouble._version import __version__
from facedouble.errors import InputError, OutputError, SettingsError
from facedouble.files import read_regular
from facedouble.printable import printable
from facedouble.settings.base import Settings

_LARGEST = 1 << 20  # bytes: nothing that a person wrote is larger


def load(path: Path) -> dict[str, Any]:
    """The values in a YAML file. Raises ``InputError`` for one that is unreadable, too large, holds anything
    but plain values, or names a setting twice."""
    import yaml

    try:
        text = read_regular(path, _LARGEST, follow=True).decode()
        values = yaml.load(text, Loader=_loader())
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise InputError(f"{path}: too large for a file of settings") from error
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:  # TypeError: a list as a name
        reason = printable(" ".join(str(getattr(error, "problem", None) or error).split()))
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise InputError(f"{path}{where}: not a file of settings ({reason})") from error
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise InputError(f"{path}: not a file of settings (it must hold names and their values)")
    return values


def save(path: Path, command: str, settings: Settings) -> None:
    """Write all settings of a command as YAML. Raises ``OutputError``."""
    import yaml

    head = f"# facedouble {__version__}\n# facedouble {command} --config {path.name}\n"
    text = yaml.safe_dump(settings.dump(), sort_keys=False, allow_unicode=True, default_flow_style=None)
    try:
        path.write_text(head + text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error


def parse_value(text: str) -> Any:
    """A value as it would stand in a file: ``0.5``, ``true``, ``cpu``, ``[96, 48, 24]``."""
    import yaml

    try:
        return yaml.load(text, Loader=_loader())
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        return text


def parse_assignment(text: str, option: str = "") -> dict[str, Any]:
    """``recipe.losses.dssim=0.5`` as nested values. Raises ``SettingsError``."""
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*", name.strip()):
        raise SettingsError(f"{text!r} is not name=value, such as recipe.losses.dssim=0.3")
    result: Any = parse_value(value)
    for part in reversed(name.strip().split(".")):
        result = {part: result}
    assert isinstance(result, dict)
    return result


def _loader() -> Any:
    """A YAML loader for plain values alone: no dates, no aliases (a small file could stand for a huge
    one), no name twice; and numbers such as 5e-5 are numbers."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                event = self.peek_event()
                raise yaml.constructor.ConstructorError(
                    None, None, "aliases are not allowed", event.start_mark
                )
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key, _ in node.value:
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key.value} is there twice", key.start_mark
                    )
                seen.add(key.value)
            return super().construct_mapping(node, deep=deep)

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(("timestamp", "merge"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+"),
        list("-+0123456789."),
    )
    return Loader
