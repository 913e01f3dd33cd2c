"""`earshot serve`."""

import asyncio
import sys
from typing import Annotated

import structlog
import typer

from app.cli.doctor import environment
from app.server import instance_lock, sockets, startup
from app.server.signals import Leaving
from app.settings import Settings

log = structlog.get_logger("earshot.serving")


def join(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on: 127.0.0.1 is this machine, 0.0.0.0 everybody.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free one.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes; several need PostgreSQL, and Redis for the limits.")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Fill an empty database with a sample portal.")] = False,
) -> None:
    """Start the server.

    The first start makes the database, a portal with its owner, and one API key for each dialect, printed once.

    \b
    earshot serve                                   http://127.0.0.1:8000, data in ./data
    earshot serve --demo                            with 200 sample posts
    earshot serve --host 0.0.0.0 --port 80          for everybody
    EARSHOT_DATABASE_URL=postgresql://user:password@host/name \\
    EARSHOT_REDIS_URL=redis://host:6379/0 earshot serve --workers 4

    It ends on Ctrl-C or SIGTERM, after the requests that it is answering.
    """
    leaving = Leaving()
    leaving.heed()
    # The doors take longest to import, and no other command needs them.
    from app.application import Server
    from app.observability import logging
    from app.server import metrics_endpoint
    from app.server import serve as running

    settings = Settings.load(host=host, port=port, workers=workers)
    form = logging.chosen(settings.log_format)
    logging.configure(form)
    # From what changes nothing to what does; each step may refuse.
    listeners = sockets.listen(settings.host, settings.port, settings.workers)
    metrics = metrics_endpoint.prepare(settings)
    asyncio.run(startup.look(settings))
    with instance_lock.hold(settings):
        asyncio.run(startup.keep_keys(settings))
        _ = settings.secret
        asyncio.run(startup.ready(settings))
        # A portal's keys are told once: who is told to end between making and telling them tells them first.
        leaving.hold()
        begun = asyncio.run(startup.begin(settings, demo=demo))
        address = sockets.address_of(listeners[0])
        redis = asyncio.run(startup.redis_answers(settings))
        told = sockets.address_of(metrics.listener) + metrics_endpoint.PATH if metrics is not None else None
        typer.echo(
            startup.told_at_first(begun, address) + startup.told_always(settings, address, redis=redis, metrics=told)
        )
        sys.stdout.flush()
        for found in environment.amiss(settings):
            log.warning(found.state, remedy=found.remedy)
        code = running.run(
            lambda: Server(settings),
            listeners,
            logging.RequestLog(form),
            metrics,
            leaving=leaving,
            drain_seconds=settings.drain_seconds,
        )
    raise typer.Exit(code)
