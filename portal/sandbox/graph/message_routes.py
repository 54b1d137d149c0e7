"""Mail over HTTP: drafts in JSON or MIME, looking one up, sending it, and sendMail."""

from __future__ import annotations

from email.message import EmailMessage

from flask import Blueprint, Response, g, jsonify, make_response, request

from portal.sandbox.core import Json
from portal.sandbox.graph import mime, query
from portal.sandbox.graph.answers import GraphError, collection, graph_root, json_body, page_size, preferences
from portal.sandbox.graph.post import Post, shown

MAX_REQUEST = 4 * 1024 * 1024


def add_message_routes(api: Blueprint, post: Post) -> None:
    """/users/{id}/messages and /users/{id}/sendMail."""

    @api.post("/users/<user>/messages")
    def create_draft(user: str) -> Response:
        message = mime_body() or mime.from_json(json_body())
        response = jsonify(entity(post.draft(g.mailbox, message)))
        response.status_code = 201
        return response

    @api.get("/users/<user>/messages")
    def list_messages(user: str) -> Response:
        query.refuse_other_than("$select", "$filter", "$top", "$skip")
        prefs, found = preferences(), post.kept(g.mailbox["id"], query.message_id_filter())
        rows = [query.select(shown(one, prefs)) for one in found]
        return jsonify(collection(rows, f"users('{g.mailbox['id']}')/messages", page_size(10)))

    @api.get("/users/<user>/messages/<message_id>")
    def read_message(user: str, message_id: str) -> Response:
        query.refuse_other_than("$select")
        return jsonify(query.select(entity(post.get(g.mailbox["id"], message_id))))

    @api.post("/users/<user>/messages/<message_id>/send")
    def send_draft(user: str, message_id: str) -> Response:
        post.send_draft(g.mailbox, message_id)
        return make_response("", 202)

    @api.post("/users/<user>/sendMail")
    def send_mail(user: str) -> Response:
        message, keep = mime_body(), True
        if message is None:
            body = json_body()
            keep = body.get("saveToSentItems", True)
            if not isinstance(body.get("message"), dict) or not isinstance(keep, bool):
                raise GraphError(400, "RequestBodyRead", "A message and a boolean saveToSentItems are expected.")
            message = mime.from_json(body["message"])
        post.send(g.mailbox, message, keep=keep)
        return make_response("", 202)


def mime_body() -> EmailMessage | None:
    """The MIME message of a text/plain body, or None for a body of another type."""
    if request.content_length is not None and request.content_length > MAX_REQUEST:
        raise GraphError(413, "ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.")
    return mime.from_base64(request.get_data()) if request.mimetype == "text/plain" else None


def entity(document: Json) -> Json:
    context = f"{graph_root()}/$metadata#users('{g.mailbox['id']}')/messages/$entity"
    return {"@odata.context": context, **shown(document, preferences())}
