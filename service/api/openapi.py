"""The OpenAPI 3.1 document: made from the endpoints and the types that validate them; it can't say otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.api.endpoint import Endpoint, Key, Open, noun_of
from service.api.problems import KINDS
from service.api.values import ID_MAX

Json = dict[str, Any]
_REF = "#/components/schemas/{model}"


def document(endpoints: Iterable[Endpoint], version: str) -> Json:
    """The whole of it."""
    listed = list(endpoints)
    asked: list[tuple[type[BaseModel], Any]] = [(one.body, "validation") for one in listed if one.body is not None]
    told: list[tuple[type[BaseModel], Any]] = [
        (one.answer, "serialization") for one in listed if one.answer is not None
    ]
    names, schemas = models_json_schema([*asked, *told], ref_template=_REF)
    paths: dict[str, Json] = {}
    for endpoint in listed:
        body = names.get((endpoint.body, "validation")) if endpoint.body is not None else None
        answer = names.get((endpoint.answer, "serialization")) if endpoint.answer is not None else None
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, body, answer)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Kambill", "version": version, "description": "Billing for SIP traffic inside Kamailio."},
        "servers": [{"url": "/api/v1"}],
        "security": [{"bearer": []}],
        "tags": [{"name": name} for name in sorted({one.name.partition(".")[0] for one in listed})],
        "paths": paths,
        "components": {
            "schemas": {**schemas.get("$defs", {}), "Problem": _PROBLEM},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(endpoint: Endpoint, body: Json | None, answer: Json | None) -> Json:
    told: Json = {
        "operationId": endpoint.name,
        "tags": [endpoint.name.partition(".")[0]],
        "summary": endpoint.summary,
        "description": _description(endpoint),
        "parameters": [*_in_path(endpoint), *_in_query(endpoint), *_in_headers(endpoint)],
        "responses": {**_answers(endpoint, answer), **_problems(endpoint)},
    }
    if body is not None:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    if endpoint.permission is Open.PUBLIC:
        told["security"] = []
    return told


def _description(endpoint: Endpoint) -> str:
    said = (endpoint.handler.__doc__ or "").strip()
    if isinstance(endpoint.permission, Open):
        needs = "Open to everybody." if endpoint.permission is Open.PUBLIC else "Needs no more than being signed in."
    else:
        needs = f"Needs the permission `{endpoint.permission}`."
    below = " Not for one's own account." if endpoint.below else ""
    seller = " Of a commission reseller's customers: for who sells to them." if endpoint.of_seller else ""
    paid = " Not for a commission reseller." if endpoint.for_paid and endpoint.writes else ""
    return f"{said}\n\n{needs}{below}{seller}{paid}"


def _in_path(endpoint: Endpoint) -> list[Json]:
    number = {"type": "integer", "minimum": 1, "maximum": ID_MAX}
    return [
        {"name": name, "in": "path", "required": True, "schema": number if noun_of(name) else {"type": "string"}}
        for name in endpoint.parameters
    ]


def _in_query(endpoint: Endpoint) -> list[Json]:
    schema = endpoint.query.model_json_schema(mode="validation")
    return [
        {"name": name, "in": "query", "required": False, "schema": _inlined(one, schema)}
        for name, one in schema.get("properties", {}).items()
    ]


def _inlined(one: Json, schema: Json) -> Json:
    reference = one.get("$ref")
    return one if reference is None else dict(schema["$defs"][reference.rpartition("/")[2]])


def _in_headers(endpoint: Endpoint) -> list[Json]:
    found: list[Json] = []
    if endpoint.writes and endpoint.key is not Key.NONE:
        text = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"}
        needed = endpoint.key is Key.NEEDED
        found.append({"name": "Idempotency-Key", "in": "header", "required": needed, "schema": text})
    if endpoint.method in {"PATCH", "PUT", "DELETE"}:
        text = {"type": "string", "pattern": r'^("\d+"|\*)$'}
        found.append({"name": "If-Match", "in": "header", "required": False, "schema": text})
    return found


def _answers(endpoint: Endpoint, answer: Json | None) -> dict[str, Json]:
    """Every status of success."""
    told: Json = {"description": endpoint.summary}
    if answer is not None:
        told["content"] = {"application/json": {"schema": answer}}
    found = {str(endpoint.status): told}
    if endpoint.follow is not None:
        found["202"] = told | {"description": "It waits for the call path: ask for it again"}
    return found


def _problems(endpoint: Endpoint) -> dict[str, Json]:
    """Every status that it can answer with."""
    statuses = {"404", "422", "429", "503"}
    statuses |= set() if endpoint.permission is Open.PUBLIC else {"401", "403"}
    if endpoint.method != "GET":
        statuses |= {"400", "401", "403", "409", "412", "413", "415"}
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    titles = {str(status): title for status, title in reversed(list(KINDS.values()))}
    return {status: {"description": titles[status], "content": content} for status in sorted(statuses)}


_PROBLEM: Json = {
    "type": "object",
    "description": "Problem details (RFC 9457)",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["in", "pointer", "detail"],
                "properties": {
                    "in": {"type": "string", "enum": ["body", "query", "path"]},
                    "pointer": {"type": "string", "description": "A JSON pointer (RFC 6901)"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
