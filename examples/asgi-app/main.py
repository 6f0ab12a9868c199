"""A small notes service on Starlette; nothing in it knows about Hearth."""

import itertools

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

notes = {}
ids = itertools.count(1)


async def list_notes(request):
    return JSONResponse(list(notes.values()))


async def add_note(request):
    data = await request.json()
    if not isinstance(data, dict) or not str(data.get("text", "")).strip():
        return JSONResponse({"error": "text is missing"}, status_code=422)
    note = {"id": next(ids), "text": str(data["text"])}
    notes[note["id"]] = note
    return JSONResponse(note, status_code=201)


async def read_note(request):
    note = notes.get(request.path_params["id"])
    if note is None:
        return PlainTextResponse("no such note\n", status_code=404)
    return JSONResponse(note)


async def export(request):
    async def lines():
        for note in list(notes.values()):
            yield f"{note['id']},{note['text']}\n"

    return StreamingResponse(lines(), media_type="text/csv")


app = Starlette(
    routes=[
        Route("/notes", list_notes, methods=["GET"]),
        Route("/notes", add_note, methods=["POST"]),
        Route("/notes/export", export),
        Route("/notes/{id:int}", read_note),
    ]
)
