"""Our requests in the words of OpenAI's chat API."""

from __future__ import annotations

import json

from orchstack.kernel.chat import (
    UNREADABLE_ARGUMENTS,
    ChatRequest,
    Image,
    Message,
    Role,
    ToolCall,
    ToolSpec,
)
from orchstack.kernel.plain import JsonObject


def encode(request: ChatRequest, limit_field: str) -> JsonObject:
    """Give the body of `POST /chat/completions`, streamed, with usage at the end."""
    body: JsonObject = {
        "model": request.model,
        "messages": [_message(message) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        limit_field: request.max_output_tokens,
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.output_schema is not None:
        named = {"name": "answer", "schema": request.output_schema}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    return body


def _message(message: Message) -> JsonObject:
    encoded: JsonObject = {"role": message.role.value, "content": message.content}
    if message.images:
        text: JsonObject = {"type": "text", "text": message.content}
        encoded["content"] = [text, *(_image(image) for image in message.images)]
    if message.role is Role.TOOL:
        encoded["tool_call_id"] = message.tool_call_id or ""
    if message.tool_calls:
        encoded["content"] = message.content or None
        encoded["tool_calls"] = [_call(call) for call in message.tool_calls]
    return encoded


def _image(image: Image) -> JsonObject:
    url = f"data:{image.media_type};base64,{image.data}"
    return {"type": "image_url", "image_url": {"url": url}}


def _call(call: ToolCall) -> JsonObject:
    unreadable = call.arguments.get(UNREADABLE_ARGUMENTS)
    arguments = unreadable if isinstance(unreadable, str) else json.dumps(call.arguments)
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


def _tool(tool: ToolSpec) -> JsonObject:
    return {"type": "function", "function": tool.model_dump()}
