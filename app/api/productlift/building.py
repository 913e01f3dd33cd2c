"""Puts ProductLift's dialect together: its chapters, its door, its document."""

from fastapi import FastAPI

from app.api.door import Door
from app.api.productlift.house import ProductLiftManners
from app.api.productlift.posts import posts_chapter
from app.api.productlift.votes import votes_chapter
from app.api.routing import RouteTable
from app.api.services import Services

CHAPTERS = (posts_chapter, votes_chapter)


def build(services: Services) -> tuple[Door, FastAPI]:
    """The dialect's door, and the FastAPI application that documents it."""
    routers = [chapter.router for chapter in CHAPTERS]
    document = FastAPI(title="Earshot: ProductLift's API", version="1")
    for router in routers:
        document.include_router(router)
    return Door(services, ProductLiftManners(services, RouteTable(routers))), document
