"""Handlers behind the gateway: an authorizer, functions of REST and of WebSocket routes."""

from __future__ import annotations

import base64
import json
import os
import time
import urllib.request
from pathlib import Path
from typing import Any

Event = dict[str, Any]


def authorize(event: Event, _context: Any) -> Event:
    """Decide by what the caller sends as Authorization header or key parameter."""
    query = event.get("queryStringParameters") or {}
    word = str(event["headers"].get("Authorization") or query.get("key"))
    _note(word)
    match word:
        case "unauthorized":
            raise Exception("Unauthorized")  # noqa: TRY002 - the word API Gateway listens for
        case "confused":
            return {"principalId": "nobody"}
        case "crash":
            os._exit(1)
    effect = "Deny" if word == "deny" else "Allow"
    resource = event["methodArn"] if word == "narrow" else "arn:aws:execute-api:*"
    statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}
    return {
        "principalId": "someone",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"word": word, "number": 7, "flag": True},
    }


def _note(word: str) -> None:
    # How often it was asked, one line a call.
    with Path(os.environ["NOTES"]).open("a") as notes:
        notes.write(f"{word}\n")


def reflect(event: Event, _context: Any) -> Event:
    """Answer with the event."""
    return {"statusCode": 200, "body": json.dumps(event)}


def answer(event: Event, _context: Any) -> Any:
    """Answer with whatever the body says."""
    return json.loads(event["body"])


def picture(event: Event, _context: Any) -> Event:
    """Answer with the bytes that came, reversed."""
    data = base64.b64decode(event["body"])[::-1]
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "image/png"},
        "body": base64.b64encode(data).decode(),
        "isBase64Encoded": True,
    }


def sleep(event: Event, _context: Any) -> Event:
    """Take some time."""
    time.sleep(float(event["queryStringParameters"]["seconds"]))
    return {"statusCode": 200, "body": "done"}


def crash(_event: Event, _context: Any) -> None:
    """Die in the middle of a request."""
    os._exit(1)


def connect(event: Event, _context: Any) -> Event:
    """Accept a connection, unless it asks to be refused."""
    query = event.get("queryStringParameters") or {}
    return {"statusCode": int(query.get("status", 200))}


def receive(event: Event, _context: Any) -> Event:
    """Send a message back through the management API, and answer with the event."""
    context = event["requestContext"]
    message = json.loads(event["body"])
    if message.get("post"):
        url = f"{message['post']}/@connections/{context['connectionId']}"
        request = urllib.request.Request(url, b"posted", method="POST")  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - loopback
            pass
    return {"statusCode": 200, "body": json.dumps(event)}


def disconnect(event: Event, _context: Any) -> Event:
    """Note who left, and how."""
    context = event["requestContext"]
    with Path(os.environ["NOTES"]).open("a") as notes:
        notes.write(f"{context['connectionId']} {context['disconnectStatusCode']}\n")
    return {"statusCode": 200}


def stumble(_event: Event, _context: Any) -> None:
    """Fail on every message."""
    raise ValueError("stumbled")
