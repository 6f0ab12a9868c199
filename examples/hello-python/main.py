"""Answers GET /hello-python?name=Ada, and the event {"name": "Ada"}. What a handler returns becomes JSON."""


def handler(event, context):
    event = event or {}
    # A request over HTTP has the name in its query; who calls with an event of their own may name it there.
    name = (event.get("queryStringParameters") or event).get("name", "world")
    print(f"greeting {name}")
    return {"message": f"Hello, {name}!", "from": f"{context.function_name} version {context.function_version}"}
