"""What one would write first: FastAPI, a form, and the network in torch.

uvicorn tests.benchmarks.peers.plain_app:create_app --factory --workers 2
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch
from fastapi import FastAPI, Form, Response, UploadFile

from ecg_core.readers import UploadedFile
from tests.benchmarks.peers.answering import load_answering
from tests.benchmarks.peers.torch_network import torch_network


def create_app() -> FastAPI:
    """The app; each worker process computes one diagnosis at a time, in one thread."""
    torch.set_num_threads(1)
    answering = load_answering()
    encoder, fusion = torch_network(answering.bundle)
    engine = replace(answering.engine, ecg_encoder=encoder)
    engine.answerer.fusion = fusion
    answering = replace(answering, engine=engine)
    # As many as cores: the 40 threads of a plain `def` endpoint would only hinder each other.
    executor = ThreadPoolExecutor(1)
    app = FastAPI()

    @app.post("/diagnose")
    async def diagnose(recording: list[UploadFile], queries: list[str] = Form()) -> Response:
        files = [UploadedFile(each.filename or "", await each.read()) for each in recording]
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(executor, answering.answer, files, queries)
        return Response(answer, media_type="application/json")

    return app
