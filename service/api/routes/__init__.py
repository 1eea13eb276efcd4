"""The routes: wiring only."""

from fastapi import APIRouter

from service.api.routes import diagnose, health, metrics, model, queries

ROUTERS: tuple[APIRouter, ...] = (
    diagnose.router,
    queries.router,
    model.router,
    health.router,
    metrics.router,
)
