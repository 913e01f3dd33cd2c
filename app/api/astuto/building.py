"""Puts Astuto's dialect together: its chapters, its door, its document."""

from fastapi import FastAPI

from app.api.astuto.house import AstutoManners
from app.api.astuto.posts import posts_chapter
from app.api.astuto.votes import votes_chapter
from app.api.door import Door
from app.api.routing import RouteTable
from app.api.services import Services

CHAPTERS = (posts_chapter, votes_chapter)


def build(services: Services) -> tuple[Door, FastAPI]:
    """The dialect's door, and the FastAPI application that documents it."""
    routers = [chapter.router for chapter in CHAPTERS]
    document = FastAPI(title="Earshot: Astuto's API", version="1")
    for router in routers:
        document.include_router(router)
    return Door(services, AstutoManners(services, RouteTable(routers))), document
