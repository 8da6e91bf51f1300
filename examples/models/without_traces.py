"""Removes what exporters write beside a model: where each node came from, with paths of the machine that exported it."""


def without_traces(message):
    """Clears the notes of an ONNX model, of its graph and of all their parts, in place, and returns it."""
    for field, value in message.ListFields():
        if field.name in ("metadata_props", "doc_string"):
            message.ClearField(field.name)
        elif field.type == field.TYPE_MESSAGE:
            for part in value if field.is_repeated else [value]:
                without_traces(part)
    return message
