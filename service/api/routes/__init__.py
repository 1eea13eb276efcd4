"""The routes: wiring only."""

from fastapi import APIRouter

from service.api.routes import batch, diagnose, health, metrics, model, queries

ROUTERS: tuple[APIRouter, ...] = (
    diagnose.router,
    batch.router,
    queries.router,
    model.router,
    health.router,
    metrics.router,
)
