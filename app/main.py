"""The ASGI entry, for those who run uvicorn themselves: `uvicorn app.main:app`. `earshot serve` does more."""

from app.application import create_app

app = create_app()
