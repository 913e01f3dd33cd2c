"""The ASGI application for another server: `uvicorn app.main:app`. `earshot serve` does more."""

from app.application import create_app

app = create_app()
