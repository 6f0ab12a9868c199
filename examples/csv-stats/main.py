"""POST a CSV with a header line; `?by=column` groups. Works on bodies of megabytes, standard library only."""

import base64
import csv
import io
import json
import math


def handler(event, context):
    body = event.get("body") or ""
    text = base64.b64decode(body).decode("utf-8-sig") if event.get("isBase64Encoded") else body
    by = (event.get("queryStringParameters") or {}).get("by")
    reader = csv.DictReader(io.StringIO(text))
    if not reader.fieldnames:
        return answer(400, {"error": "the body must be CSV with a header line"})
    if by is not None and by not in reader.fieldnames:
        return answer(400, {"error": f"there is no column {by!r}; there are {', '.join(reader.fieldnames)}"})
    groups = {}
    rows = 0
    for row in reader:
        rows += 1
        columns = groups.setdefault(row[by] if by else "all", {})
        for name, value in row.items():
            if name == by or value is None:
                continue
            try:
                number = float(value)
            except ValueError:
                continue
            if not math.isfinite(number):
                continue
            stats = columns.get(name)
            if stats is None:
                columns[name] = [1, number, number, number]
            else:
                stats[0] += 1
                stats[1] += number
                stats[2] = min(stats[2], number)
                stats[3] = max(stats[3], number)
    print(f"aggregated {rows} rows into {len(groups)} groups")
    return answer(
        200,
        {
            "rows": rows,
            "groups": {
                key: {
                    name: {"count": count, "sum": round(total, 6), "mean": round(total / count, 6), "min": low, "max": high}
                    for name, (count, total, low, high) in columns.items()
                }
                for key, columns in groups.items()
            },
        },
    )


def answer(status, value):
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(value)}
