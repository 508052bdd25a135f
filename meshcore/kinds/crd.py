"""CustomResourceDefinitions of our kinds, from the structs that read them. Pure; `make crds` writes the file.

Structural schemas as apiextensions.k8s.io/v1 wants them: no references, so what contains itself ends in a part that
the API server keeps as it is, and the webhook alone looks into.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import inspect

from meshcore.kinds.decode import type_of
from meshcore.kinds.table import GROUP, MESH, VERSION, KindRow

LEVELS = 2  # of a struct within itself


def definitions() -> Iterator[dict[str, Any]]:
    """Yield the definition of each of our kinds."""
    for row in MESH:
        yield _definition(row)


def _definition(row: KindRow) -> dict[str, Any]:
    columns = [{"name": each.title, "type": each.type, "jsonPath": each.path} for each in row.columns]
    columns.append({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"})
    doc = _sentence(row.spec)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{row.plural}.{GROUP}", "labels": {"app.kubernetes.io/part-of": "meshtui"}},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": row.kind,
                "listKind": f"{row.kind}List",
                "plural": row.plural,
                "singular": row.kind.lower(),
                "shortNames": [row.short],
                "categories": ["meshtui"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": columns,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "description": doc,
                            "required": ["spec"],
                            "properties": {
                                "apiVersion": {"type": "string"},
                                "kind": {"type": "string"},
                                "metadata": {"type": "object"},
                                "spec": schema(type_of(row.spec)),
                            },
                        }
                    },
                }
            ],
        },
    }


def schema(kind: inspect.Type, within: tuple[type, ...] = ()) -> dict[str, Any]:
    """Return the structural schema of a type; `within` are the structs around it."""
    match kind:
        case inspect.Metadata():
            return {**schema(kind.type, within), **(kind.extra_json_schema or {})}
        case inspect.UnionType():
            return _union(kind, within)
        case inspect.StructType():
            return _struct(kind, within)
        case inspect.VarTupleType():
            found = {"type": "array", "items": schema(kind.item_type, within)}
            return found | _limits(minItems=kind.min_length, maxItems=kind.max_length)
        case inspect.LiteralType():
            return {"type": "string", "enum": list(kind.values)}
        case inspect.StrType():
            found = {"type": "string"}
            return found | _limits(pattern=kind.pattern, maxLength=kind.max_length)
        case inspect.IntType():
            return {"type": "integer", "format": "int32"} | _limits(minimum=kind.ge, maximum=kind.le)
        case inspect.FloatType():
            return {"type": "number"} | _limits(minimum=kind.ge, maximum=kind.le)
        case inspect.BoolType():
            return {"type": "boolean"}
        case _:
            raise TypeError(f"no schema is made of {kind}")


def _union(kind: inspect.UnionType, within: tuple[type, ...]) -> dict[str, Any]:
    choices = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
    if len(choices) == 1:
        return schema(choices[0], within)
    made = [schema(each, within) for each in choices]
    if sorted(each["type"] for each in made) != ["integer", "string"]:
        raise TypeError(f"no schema is made of {kind}")
    return {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}


def _struct(kind: inspect.StructType, within: tuple[type, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "description": _sentence(kind.cls)}
    if within.count(kind.cls) >= LEVELS:
        return found | {"x-kubernetes-preserve-unknown-fields": True}
    inner = (*within, kind.cls)
    required = [each.encode_name for each in kind.fields if each.required]
    found |= {"required": required} if required else {}
    return found | {"properties": {each.encode_name: schema(each.type, inner) for each in kind.fields}}


def _limits(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _sentence(cls: type) -> str:
    return " ".join((cls.__doc__ or "").split())
