"""Hyperparameters: from a config's section to a frozen dataclass, and back."""

import ast
import dataclasses
import inspect
import itertools
import json
import textwrap
import typing
from typing import Any, TypeVar

import pydantic

from evolife.config.layers import Origins
from evolife.config.located import Located
from evolife.config.section import Choice
from evolife.config.validation import validated
from evolife.plugins.files import file_of, plugin_errors

T = TypeVar("T")


def settings_model(cls: type) -> type[pydantic.BaseModel]:
    """Model of the keys that a section may set: all fields but those of ``GIVEN``."""
    hints = typing.get_type_hints(cls, include_extras=True)
    meanings = _meanings(cls)
    fields: dict[str, Any] = {
        field.name: (hints[field.name], _info(field, meanings.get(field.name)))
        for field in dataclasses.fields(cls)
        if field.init and not field.metadata.get("given")
    }
    config = pydantic.ConfigDict(
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        protected_namespaces=(),
        arbitrary_types_allowed=False,
    )
    return pydantic.create_model(cls.__name__, __config__=config, **fields)


def from_choice(section: str, cls: type[T], config: Located, **given: Any) -> T:
    """Build ``cls`` from a section of the config, such as ``agent``, and ``given``.

    Raises:
        InvalidInput: for keys that ``cls`` lacks, values of the wrong type or out of
            range, and what ``cls`` itself refuses with a ValueError.
    """
    choice: Choice = getattr(config, section)
    origins = config.origins
    what = f"{origins.of((section,))}: {section} '{choice.name}'"
    file = file_of(cls)
    with plugin_errors(what, file):
        model = settings_model(cls)
    found = validated(model, choice.settings, origins, prefix=(section,))
    values = {name: getattr(found, name) for name in type(found).model_fields}
    with plugin_errors(what, file, refusal=True):
        return cls(**values, **given)


def resolved_choice(name: str, instance: Any) -> Choice:
    """The section that builds ``instance``, with every default written out."""
    model = settings_model(type(instance))
    values = {key: getattr(instance, key) for key in model.model_fields}
    # To JSON and back: tuples become the lists that a file would hold.
    plain = json.loads(model.model_construct(**values).model_dump_json())
    return validated(Choice, {"name": name, **plain}, Origins())


def _info(field: dataclasses.Field[Any], meaning: str | None) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return pydantic.Field(
            default_factory=field.default_factory, description=meaning
        )
    default = ... if field.default is dataclasses.MISSING else field.default
    return pydantic.Field(default, description=meaning)


def _meanings(cls: type) -> dict[str, str]:
    """First line of the docstring beneath each field, of ``cls`` and its parents."""
    meanings: dict[str, str] = {}
    for parent in reversed(cls.__mro__):
        if not dataclasses.is_dataclass(parent):
            continue
        for field, note in itertools.pairwise(_statements(parent)):
            match field, note:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    meanings[name] = text.strip().partition("\n")[0]
    return meanings


def _statements(cls: type) -> list[ast.stmt]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        # No source to read, as in an interactive session: fields go undescribed.
        return []
    return tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
