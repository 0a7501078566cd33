"""Airtable's refusals, in the three shapes a client has to be able to read."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A refusal that is sent to the client as it stands.

    `bare` gives `{"error": "NOT_FOUND"}`, which Airtable still uses for wrong routes and deleted
    records; without a message the body holds the type alone. Clients that expect one shape only
    break on the other two, so the sandbox uses all three where Airtable does.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str | None = None,
        *,
        bare: bool = False,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {kind}: {message or ''}".rstrip(": "))
        self.status = status
        self.kind = kind
        self.message = message
        self.bare = bare
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """The JSON document that goes with the status."""
        if self.bare:
            return {"error": self.kind}
        error = {"type": self.kind}
        if self.message is not None:
            error["message"] = self.message
        return {"error": error}


def not_found() -> ApiError:
    """No such route, or a resource that is gone."""
    return ApiError(404, "NOT_FOUND", bare=True)


def model_not_found() -> ApiError:
    """An unknown base or table: Airtable does not say whether it is missing or forbidden."""
    return ApiError(
        403,
        "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND",
        "Invalid permissions, or the requested model was not found. Check that both your user and "
        "your token have the required permissions, and that the model names and/or ids are correct.",
    )


def invalid_request(message: str) -> ApiError:
    """The general complaint about a request's shape."""
    return ApiError(422, "INVALID_REQUEST_UNKNOWN", f"Invalid request: {message}")


def missing_fields(name: str) -> ApiError:
    """A body without the key that the route needs."""
    return ApiError(
        422,
        "INVALID_REQUEST_MISSING_FIELDS",
        f'Could not find field "{name}" in the request body',
    )


def unknown_field(name: str) -> ApiError:
    """A field that was renamed, deleted, or never there."""
    return ApiError(422, "UNKNOWN_FIELD_NAME", f'Unknown field name: "{name}"')


def invalid_value(field_name: str, why: str = "cannot accept the provided value") -> ApiError:
    """A value of the wrong kind for its column."""
    return ApiError(422, "INVALID_VALUE_FOR_COLUMN", f'Field "{field_name}" {why}')


def computed_field(field_name: str) -> ApiError:
    """An attempt to write a cell that Airtable works out for itself."""
    return invalid_value(field_name, "cannot accept a value because the field is computed")


def row_does_not_exist(record_id: str) -> ApiError:
    """A record id, in a batch or in a link cell, that is gone."""
    return ApiError(
        422, "ROW_DOES_NOT_EXIST", f"Record ID {record_id} does not exist in this table"
    )
