"""Answers GET /hello-python?name=Ada. What a handler returns becomes JSON."""


def handler(event, context):
    query = (event or {}).get("queryStringParameters") or {}
    name = query.get("name", "world")
    print(f"greeting {name}")
    return {"message": f"Hello, {name}!", "from": f"{context.function_name} version {context.function_version}"}
