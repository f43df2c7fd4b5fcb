"""Peer 1: FastAPI by uvicorn, with the fastest parts there are and nothing that inspects the body but what reads it."""

import numpy as np
import orjson
from fastapi import FastAPI, Request, Response

import predictor

app = FastAPI()
predictor.predict(np.zeros(predictor.width, np.float32))


@app.get("/ping")
async def ping():
    return Response()


@app.post("/invocations")
async def invocations(request: Request):
    body = await request.body()
    content_type = request.headers["content-type"]
    if content_type == "application/json":
        rows = np.array(orjson.loads(body)["instances"], dtype=np.float32)
    elif content_type == "text/csv":
        rows = predictor.from_csv(body)
    else:
        rows = predictor.from_npy(body)
    predictions = predictor.predict(rows)
    accept = request.headers["accept"]
    if accept == "application/json":
        answer = orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY)
    elif accept == "text/csv":
        answer = predictor.to_csv(predictions)
    else:
        answer = predictor.to_npy(predictions)
    return Response(answer, media_type=accept)
