"""The base class of all settings, how a field is declared, and how a value that does not fit is explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    Strict,
)
from pydantic import ValidationError as PydanticError
from pydantic_core import CoreSchema, PydanticCustomError, PydanticUndefined, core_schema

from facedouble.errors import UNSET, setting
from facedouble.files import path_text
from facedouble.registry import Registry
from facedouble.stores import StoredPath, is_address, some_source


def _some_path(value: object) -> object:
    if value == "":  # it would stand for the folder that the program runs in
        raise problem("", "is an empty path")
    if isinstance(value, str) and "\0" in value:
        raise problem("", "is not a path")
    if is_address(value) or isinstance(value, StoredPath):
        raise problem("", "is in an object store; only the clip that is worked on can be there")
    return value


def _some_source(value: object) -> object:
    if isinstance(value, str) and is_address(value):
        try:
            return some_source(value)
        except ValueError as error:
            # Without the address, in which there may be credentials.
            raise problem("", str(error), f"{value.partition('://')[0]}://…") from None
    return value if isinstance(value, StoredPath) else _some_path(value)


# In files paths are texts, and tuples are lists; both are taken for what they stand for.
File = Annotated[
    Path,
    BeforeValidator(_some_path),
    Strict(False),
    PlainSerializer(path_text, return_type=str, when_used="json"),
]
SourceFile = Annotated[
    Path,
    BeforeValidator(_some_source),
    Strict(False),
    PlainSerializer(path_text, return_type=str, when_used="json"),
]
"""A file, or a clip in an object store."""
Files = Annotated[tuple[File, ...], Strict(False)]
Texts = Annotated[tuple[str, ...], Strict(False)]
Integers = Annotated[tuple[int, ...], Strict(False)]
Pair = Annotated[tuple[float, float], Strict(False)]

AnySettings = TypeVar("AnySettings", bound="Settings")


def field(
    default: Any = PydanticUndefined,
    help: str = "",
    *,
    short: str = "",
    option: str = "",
    unit: str = "",
    min: float | None = None,
    max: float | None = None,
    above: float | None = None,
    argument: bool = False,
    flags: Mapping[str, Any] | None = None,
    hidden: bool = False,
) -> Any:
    """A field of a settings class. Without a ``default`` it is required.

    ``help`` is a phrase that starts small and ends without a full stop. ``min``, ``max`` (both included) and
    ``above`` (excluded) limit numbers, ``unit`` says what they count. For the command line: ``option`` is the
    option's name where it is not the field's (``"from"``, or ``"A"`` for ``-A`` alone), ``short`` its short
    form, ``argument`` makes it positional, and ``flags`` are options without a value that stand for one
    (``{"--no-credentials": "none"}``). ``option="-"`` means that there is no other option. A ``hidden``
    field, and what is nested in it, has none unless ``option`` says so; ``--set`` reaches all fields. Of a
    field that holds settings with a ``kind``, all this says how the kind is chosen.
    """
    extra: dict[str, Any] = {"unit": unit, "option": option, "short": short, "argument": argument}
    extra |= {"hidden": hidden, "flags": dict(flags or {})}
    return Field(
        default,
        description=help,
        ge=min,
        le=max,
        gt=above,
        json_schema_extra={"x-facedouble": {name: value for name, value in extra.items() if value}},
    )


def problem(path: str, text: str, value: object = UNSET) -> PydanticCustomError:
    """What a validator raises: ``text`` says what is wrong with the field at ``path`` (from its class on), or
    with its ``value``, shown instead of the one that was given."""
    return PydanticCustomError("problem", "{text}", {"path": path, "text": text, "value": value})


class Settings(BaseModel):
    """Base of all settings: frozen, nothing unknown, no value of another type.

    Raises ``SettingsError`` with the field's path, the value and what is wrong.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    if not TYPE_CHECKING:

        def __init__(self, **values: Any) -> None:
            try:
                super().__init__(**values)
            except PydanticError as error:
                from facedouble.settings.explain import explained

                raise explained(type(self), error) from None

        # Or pydantic would call it for nested settings too, whose errors could not say where they are.
        __init__.__pydantic_base_init__ = True

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Settings from plain values, as JSON and YAML have them. Raises ``SettingsError``."""
        return cls(**values)

    def dump(self) -> dict[str, Any]:
        """The whole tree as plain values, as JSON and YAML have them."""
        return self.model_dump(mode="json")

    def replace(self, **changes: Any) -> Self:
        """A copy in which some fields are different. A mapping changes single fields of nested settings:
        ``settings.replace(compute={"device": "cpu"})``."""
        from facedouble.settings.tree import overlay

        return type(self)(**overlay(type(self), self.model_dump(), changes))

    def only(self, kind: type[AnySettings]) -> AnySettings:
        """The part of these settings that its base class ``kind`` has."""
        return kind(**{name: getattr(self, name) for name in kind.model_fields})


@dataclass(frozen=True)
class Choice:
    """Annotates a text that names an entry of a registry, except those in ``but``."""

    registry: Registry[Any]
    but: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        return [name for name in self.registry if name not in self.but]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        summaries = self.registry.summaries()
        choices = [{"const": name, "title": name, "description": summaries[name]} for name in self.names]
        return {**handler(schema), "enum": self.names, "oneOf": choices}

    def _check(self, name: str) -> str:
        if name not in self.names:
            raise problem("", f"no such {self.registry.kind}; choose one of: {', '.join(self.names)}")
        return name


@dataclass(frozen=True)
class OneOf:
    """Annotates a union of settings, of which ``kind`` says the one that is meant.

    Where plain values name no kind it is ``default``; without a default it is the first of the union that
    has all the fields given.
    """

    default: str = ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from facedouble.settings.tree import alternatives, kinds

        members = alternatives(source)
        tags = {kind: member for member in members for kind in kinds(member)}

        def tag(value: Any) -> Any:
            if not isinstance(value, Mapping):
                return getattr(value, "kind", None)
            if "kind" in value or self.default:
                return value.get("kind", self.default)
            fitting = [m for m in members if value.keys() <= m.model_fields.keys()]
            return kinds(fitting[0])[0] if fitting else None

        def check(value: Any) -> Any:
            if isinstance(value, Mapping) and tag(value) is None:
                _refuse_mixture(value, members)
            return value

        schemas = {member: handler.generate_schema(member) for member in members}
        union = core_schema.tagged_union_schema(
            {kind: schemas[member] for kind, member in tags.items()}, discriminator=tag
        )
        checked = core_schema.no_info_before_validator_function(check, union)
        return core_schema.nullable_schema(checked) if type(None) in get_args(source) else checked


def _refuse_mixture(value: Mapping[str, Any], members: Sequence[type[Settings]]) -> None:
    """Raise for plain values that have fields of several members of a union, or of none."""
    chosen: tuple[str, type[Settings]] | None = None
    for name in value:
        owners = [member for member in members if name in member.model_fields]
        if not owners:
            raise problem(name, "there is no such setting")
        if chosen is not None and chosen[1] not in owners:
            raise problem(name, f"excludes {setting(chosen[0])}")
        if len(owners) == 1:
            chosen = (name, owners[0])


@dataclass(frozen=True)
class FromRegistry:
    """Annotates settings whose class a registry names by their ``kind``. The class is imported when it is
    needed: what only has to know the names starts fast."""

    registry: Registry[Any]
    default: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def dumped(value: Settings, info: Any) -> dict[str, Any]:
            return value.model_dump(mode=info.mode)

        return core_schema.no_info_plain_validator_function(
            self._read, serialization=core_schema.plain_serializer_function_ser_schema(dumped, info_arg=True)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        members = [handler(self.registry[name].__pydantic_core_schema__) for name in self.registry]
        return {"oneOf": members}

    def _read(self, value: Any) -> Settings:
        from facedouble.settings.explain import InnerError

        if isinstance(value, Settings):
            return value
        if not isinstance(value, Mapping):
            raise PydanticCustomError("model_type", "must be a group of settings")
        kind = value.get("kind", self.default)
        if kind not in self.registry:
            names = ", ".join(self.registry)
            raise problem("kind", f"no such {self.registry.kind}; choose one of: {names}", kind)
        member: type[Settings] = self.registry[kind]
        try:
            found: Settings = member.__pydantic_validator__.validate_python({**value, "kind": kind})
            return found
        except PydanticError as error:
            raise InnerError(member, error) from None
