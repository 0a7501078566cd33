"""The routes of Airtable's Web API."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

from sync.sandbox import metadata, rows
from sync.sandbox.base import Base
from sync.sandbox.errors import (
    ApiError,
    invalid_request,
    missing_fields,
    model_not_found,
    not_found,
)
from sync.sandbox.ids import is_id
from sync.sandbox.limits import Limiter
from sync.sandbox.listing import Lists, from_json, from_params, truthy
from sync.sandbox.model import API_USER, PUBLIC_API, Json, Record, Table
from sync.sandbox.web import Reply, Request, json_reply

MOST_RECORDS = 10
Handler = Callable[[Request], Reply]


class Api:
    """Everything under /v0, behind the token and the rate limit."""

    def __init__(self, base: Base, limiter: Limiter, token: str | None) -> None:
        self._base = base
        self._limiter = limiter
        self._token = token
        self.lists = Lists(base)

    def handle(self, request: Request) -> Reply:
        """Answer, or raise the refusal."""
        self._authenticate(request)
        parts = request.segments[1:]
        if parts[:1] == ["meta"]:
            return self._meta(request, parts[1:])
        if parts[:1] == ["bases"]:
            return self._webhooks(request, parts[1:])
        return self._records(request, parts)

    def _authenticate(self, request: Request) -> None:
        scheme, _, token = request.header("Authorization").partition(" ")
        token = token.strip()
        known = self._token is None or hmac.compare_digest(token.encode(), self._token.encode())
        if scheme.lower() != "bearer" or not token or not known:
            raise ApiError(401, "AUTHENTICATION_REQUIRED", "Authentication required")

    def _enter(self, base_id: str) -> None:
        """One request to the base: counted, and refused when it is not this base."""
        if base_id != self._base.id:
            raise model_not_found()
        self._limiter.admit()

    # Metadata

    def _meta(self, request: Request, parts: list[str]) -> Reply:
        match request.method, parts:
            case "GET", ["whoami"]:
                return json_reply({"id": API_USER["id"], "email": API_USER["email"]})
            case "GET", ["bases"]:
                base = {"id": self._base.id, "name": self._base.name, "permissionLevel": "create"}
                return json_reply({"bases": [base]})
            case _, ["bases", base_id, "tables", *rest]:
                self._enter(base_id)
                return self._tables(request, rest)
        raise not_found()

    def _tables(self, request: Request, rest: list[str]) -> Reply:
        base = self._base
        if request.method == "GET" and not rest:
            include = [value for name, value in request.pairs if name.startswith("include")]
            with base.lock:
                visible = "visibleFieldIds" in include
                return json_reply(metadata.schema(base, with_visible_fields=visible))
        body = request.json()
        with base.action(PUBLIC_API) as action:
            match request.method, rest:
                case "POST", []:
                    shown = metadata.create_table(base, action, body).schema()
                case "PATCH", [table]:
                    shown = metadata.update_table(action, base.table(table), body).schema()
                case "POST", [table, "fields"]:
                    shown = metadata.create_field(base, action, base.table(table), body).schema()
                case "PATCH", [table, "fields", field]:
                    found = metadata.update_field(action, base.table(table), field, body)
                    shown = found.schema()
                case _:
                    raise not_found()
        return json_reply(shown)

    # Webhooks

    def _webhooks(self, request: Request, parts: list[str]) -> Reply:
        if len(parts) < 2 or parts[1] != "webhooks":
            raise not_found()
        self._enter(parts[0])
        hooks = self._base.webhooks
        with self._base.lock:
            match request.method, parts[2:]:
                case "POST", []:
                    return json_reply(hooks.create(request.json()))
                case "GET", []:
                    return json_reply(hooks.listing())
                case "GET", [hook, "payloads"]:
                    cursor, limit = _number(request, "cursor", 1), _number(request, "limit", 50)
                    return self._telling(hooks.payloads(hook, cursor, limit))
                case "POST", [hook, "refresh"]:
                    return json_reply(hooks.refresh(hook))
                case "POST", [hook, "enableNotifications"]:
                    hooks.enable_notifications(hook, request.json().get("enable"))
                    return Reply()
                case "DELETE", [hook]:
                    hooks.delete(hook)
                    return Reply()
        raise not_found()

    # Records

    def _records(self, request: Request, parts: list[str]) -> Reply:
        if not 2 <= len(parts) <= 3 or not is_id(parts[0], "app"):
            raise not_found()
        routes: dict[tuple[str, bool], Callable[[Request, Table], Reply]] = {
            ("GET", False): self._list,
            ("POST", False): self._create,
            ("PATCH", False): self._update_many,
            ("PUT", False): self._update_many,
            ("DELETE", False): self._delete_many,
            ("POST", True): self._list_by_post,
        }
        single = len(parts) == 3 and is_id(parts[2], "rec")
        posted_list = parts[2:] == ["listRecords"]
        route = routes.get((request.method, posted_list))
        if single:
            self._enter(parts[0])
            return self._single(request, parts[1], parts[2])
        if route is None or (len(parts) == 3 and not posted_list):
            raise not_found()
        self._enter(parts[0])
        with self._base.lock:
            return route(request, self._base.table(parts[1]))

    def _list(self, request: Request, table: Table) -> Reply:
        return self._listed(self.lists.page(table, from_params(request.pairs)))

    def _list_by_post(self, request: Request, table: Table) -> Reply:
        return self._listed(self.lists.page(table, from_json(request.json())))

    def _listed(self, page: Json) -> Reply:
        reply = json_reply(page)
        reply.shows = self._base.witness.shown_in(row["id"] for row in page["records"])
        return reply

    def _telling(self, page: Json) -> Reply:
        reply = json_reply(page)
        told = (payload["baseTransactionNumber"] for payload in page["payloads"])
        reply.shows = self._base.witness.told_in(told)
        return reply

    def _single(self, request: Request, table_name: str, record_id: str) -> Reply:
        base = self._base
        with base.lock:
            table = base.table(table_name)
            # GET looks in the whole base when the record is not in the table named.
            places = base.rows if request.method == "GET" else table.records
            record = places.get(record_id)
            if record is None:
                raise rows.missing_record(base)
            match request.method:
                case "GET":
                    by_id = truthy(request.param("returnFieldsByFieldId"))
                    reply = json_reply(base.shown(record, by_id=by_id))
                    reply.shows = base.witness.shown_in([record.id])
                    return reply
                case "PATCH" | "PUT":
                    return self._update_one(request, table, record)
                case "DELETE":
                    with base.action(PUBLIC_API) as action:
                        base.remove(action, record)
                    return json_reply({"id": record_id, "deleted": True})
        raise not_found()

    def _create(self, request: Request, table: Table) -> Reply:
        body = request.json()
        base, typecast = self._base, truthy(body.get("typecast"))
        by_id = truthy(body.get("returnFieldsByFieldId"))
        if "records" not in body:
            if "fields" not in body:
                raise missing_fields("fields")
            with base.action(PUBLIC_API) as action:
                one = rows.create(base, action, table, body["fields"], typecast=typecast)
            return json_reply(base.shown(one, by_id=by_id))
        made: list[Record] = []
        with base.action(PUBLIC_API) as action:
            for entry in _entries(body, "created"):
                fields = entry.get("fields", {})
                made.append(rows.create(base, action, table, fields, typecast=typecast))
        return json_reply({"records": [base.shown(record, by_id=by_id) for record in made]})

    def _update_one(self, request: Request, table: Table, record: Record) -> Reply:
        body = request.json()
        if "fields" not in body:
            raise missing_fields("fields")
        with self._base.action(PUBLIC_API) as action:
            rows.update(
                self._base,
                action,
                table,
                record,
                body["fields"],
                typecast=truthy(body.get("typecast")),
                replace=request.method == "PUT",
            )
        by_id = truthy(body.get("returnFieldsByFieldId"))
        return json_reply(self._base.shown(record, by_id=by_id))

    def _update_many(self, request: Request, table: Table) -> Reply:
        body = request.json()
        base, typecast = self._base, truthy(body.get("typecast"))
        replace = request.method == "PUT"
        entries = _entries(body, "updated")
        wanted = body.get("performUpsert")
        done = rows.Upserted()
        with base.action(PUBLIC_API) as action:
            if wanted is not None:
                merge_on = rows.merge_fields(table, wanted)
                done = rows.upsert(
                    base, action, table, entries, merge_on, typecast=typecast, replace=replace
                )
            else:
                for entry in entries:
                    record = rows.in_table(table, entry.get("id"))
                    fields = entry.get("fields", {})
                    rows.update(
                        base, action, table, record, fields, typecast=typecast, replace=replace
                    )
                    done.records.append(record)
        by_id = truthy(body.get("returnFieldsByFieldId"))
        answer: Json = {"records": [base.shown(record, by_id=by_id) for record in done.records]}
        if wanted is not None:
            answer |= {"createdRecords": done.created, "updatedRecords": done.updated}
        return self._listed(answer)

    def _delete_many(self, request: Request, table: Table) -> Reply:
        ids = [value for name, value in request.pairs if name.partition("[")[0] == "records"]
        if not ids:
            raise missing_fields("records")
        _refuse_more_than_ten(len(ids), "deleted")
        answer: list[Json] = []
        with self._base.action(PUBLIC_API) as action:
            for record_id in dict.fromkeys(ids):
                if record_id in table.records:
                    self._base.remove(action, table.records[record_id])
                elif self._base.switches.batch_delete_missing_fails:
                    rows.in_table(table, record_id)
                answer.append({"id": record_id, "deleted": True})
        return json_reply({"records": answer})


def _entries(body: Json, verb: str) -> list[Json]:
    entries: Any = body.get("records")
    if entries is None:
        raise missing_fields("records")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise invalid_request("records must be an array of objects.")
    if not entries:
        raise ApiError(
            422, "INVALID_RECORDS", "You must provide an array of up to 10 record objects."
        )
    _refuse_more_than_ten(len(entries), verb)
    return entries


def _refuse_more_than_ten(count: int, verb: str) -> None:
    if count > MOST_RECORDS:
        raise ApiError(
            422,
            "INVALID_RECORDS",
            f"A maximum of {MOST_RECORDS} records can be {verb} per request "
            f"but you have provided {count}.",
        )


def _number(request: Request, name: str, default: int) -> int:
    text = request.param(name, str(default))
    try:
        return int(text)
    except ValueError as error:
        raise invalid_request(f"{name} must be a whole number.") from error
