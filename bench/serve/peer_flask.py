"""Peer 2: Flask by gunicorn with gevent, behind nginx, as in SageMaker's scikit-learn image."""

import json

import numpy as np
from flask import Flask, Response, request

import predictor

app = Flask(__name__)
predictor.predict(np.zeros(predictor.width, np.float32))


@app.get("/ping")
def ping():
    return Response()


@app.post("/invocations")
def invocations():
    body = request.get_data()
    if request.content_type == "application/json":
        rows = np.array(json.loads(body)["instances"], dtype=np.float32)
    elif request.content_type == "text/csv":
        rows = predictor.from_csv(body)
    else:
        rows = predictor.from_npy(body)
    predictions = predictor.predict(rows)
    accept = request.headers["Accept"]
    if accept == "application/json":
        answer = json.dumps({"predictions": predictions.tolist()})
    elif accept == "text/csv":
        answer = predictor.to_csv(predictions)
    else:
        answer = predictor.to_npy(predictions)
    return Response(answer, mimetype=accept)
