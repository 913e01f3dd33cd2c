"""`earshot serve`."""

import asyncio
import sys
from contextlib import ExitStack
from typing import Annotated

import typer

from app.cli.params import email_address, text_param, whole_number
from app.server.signals import defer_signals, exit_on_signals
from app.settings import Settings

group = typer.Typer()


HostOption = Annotated[
    str | None, typer.Option(help="Address to listen on: 127.0.0.1 for this machine only, 0.0.0.0 for all networks.")
]
PortOption = Annotated[
    int | None,
    typer.Option(
        parser=whole_number(0, 65535), metavar="NUMBER", help="Port to listen on, up to 65535; 0 takes any free one."
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        parser=whole_number(1, 64),
        metavar="NUMBER",
        help="Processes, up to 64; several need PostgreSQL, and Redis for rate limits.",
    ),
]
DemoOption = Annotated[bool, typer.Option("--demo", help="Fill an empty database with a sample portal.")]
OwnerEmailOption = Annotated[
    str | None,
    typer.Option(
        parser=email_address,
        metavar="EMAIL",
        help="The owner's address, by default owner@example.com; only the first start uses it.",
    ),
]
OwnerNameOption = Annotated[
    str | None,
    typer.Option(
        parser=text_param(),
        metavar="NAME",
        help="The owner's name, by default from the address; only the first start uses it.",
    ),
]


@group.command()
def serve(
    host: HostOption = None,
    port: PortOption = None,
    workers: WorkersOption = None,
    demo: DemoOption = False,
    owner_email: OwnerEmailOption = None,
    owner_name: OwnerNameOption = None,
) -> None:
    """Start the server.

    The first start creates the database, a portal with its owner, and one API key for each dialect, printed once.
    Later starts ignore the owner's name and address, also those of EARSHOT_OWNER_NAME and EARSHOT_OWNER_EMAIL.

    \b
    earshot serve                                   http://127.0.0.1:8000, data in ./data
    earshot serve --demo                            with 200 sample posts
    earshot serve --owner-email jane@example.com    first start: the owner's address
    earshot serve --host 0.0.0.0 --port 80          on all networks
    EARSHOT_DATABASE_URL=postgresql://user:password@host/name \\
    EARSHOT_REDIS_URL=redis://host:6379/0 earshot serve --workers 4

    On Ctrl-C or SIGTERM it finishes the requests in progress, aborts them after ten seconds, and stops.
    """
    # Before the imports, which take most of the time of a start, so that a signal stops the process during them, too.
    exit_on_signals()
    settings = Settings.load(host=host, port=port, workers=workers, owner_email=owner_email, owner_name=owner_name)
    raise typer.Exit(_serve(settings, demo=demo))


def _serve(settings: Settings, *, demo: bool) -> int:
    """Start, serve until the end, and return the exit code."""
    import structlog

    from app.application import Application
    from app.cli.doctor import environment
    from app.observability import logging
    from app.server import banner, instance_lock, metrics_endpoint, sockets, startup
    from app.server.serve import run

    log_format = logging.choose_format(settings.log_format)
    logging.configure(log_format)
    # Steps that change nothing come first; each may reject the start.
    listeners = sockets.listen(settings.host, settings.port, settings.workers)
    # Links in mail have the port. The system has chosen one if the setting is 0.
    settings = settings.model_copy(update={"port": listeners[0].getsockname()[1]})
    metrics_listener = metrics_endpoint.open_metrics_port(settings)
    asyncio.run(startup.preflight(settings))
    asyncio.run(startup.check_folders(settings, demo=demo))
    with instance_lock.hold(settings), ExitStack() as stack:
        asyncio.run(startup.check_secret(settings))
        asyncio.run(startup.check_storage(settings, demo=demo))
        metrics_dir = stack.enter_context(metrics_endpoint.metrics_directory(settings, processes=settings.workers))
        # From here on the start changes data.
        _ = settings.secret
        asyncio.run(startup.prepare(settings))
        # The keys of a new portal are printed once, so a signal must not come between making and printing them.
        with defer_signals():
            first_portal = asyncio.run(startup.make_first_portal(settings, demo=demo))
            address = sockets.url_of(listeners[0])
            redis = asyncio.run(startup.is_redis_reachable(settings))
            metrics = sockets.url_of(metrics_listener) + metrics_endpoint.PATH if metrics_listener else None
            typer.echo(
                banner.first_start_banner(first_portal, address, base_url=settings.base_url or address, demo=demo)
                + banner.startup_banner(settings, address, redis=redis, metrics=metrics)
            )
            sys.stdout.flush()
            log = structlog.get_logger("earshot.serving")
            for finding in environment.startup_warnings(settings):
                log.warning(finding.state, remedy=finding.remedy)
        with defer_signals():
            # Threads inherit the signal mask of this block, so that only the main thread receives the signals.
            application = Application(settings)
        access_log = logging.AccessLog(log_format, client_ip=settings.log_client_ip)
        return run(application, listeners, access_log, metrics_listener, metrics_dir)
