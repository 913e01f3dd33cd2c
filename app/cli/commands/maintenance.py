"""Commands for the whole installation: `migrate`, `settings`, `counters`, `doctor`."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from app.cli.database import run_read, run_write
from app.cli.errors import CommandError
from app.cli.output import format_table, print_result
from app.cli.params import JsonOption, PortalOption
from app.settings import Settings

group = typer.Typer()


@group.command()
def migrate(as_json: JsonOption = False) -> None:
    """Migrate the database to this version.

    `serve` does the same at its start. Use this command before you start several servers on one database.
    """
    from app.adapters.database.revisions import HEAD
    from app.backends import open_database
    from app.server import startup

    loaded = Settings.load()

    async def run_migrations() -> None:
        await startup.preflight(loaded)
        await startup.check_storage(loaded, demo=False)
        await startup.prepare(loaded)

    asyncio.run(run_migrations())
    database = open_database(loaded).describe()
    print_result({"database": database, "revision": HEAD}, f"{database} is at revision {HEAD}", as_json=as_json)


@group.command()
def settings(as_json: JsonOption = False) -> None:
    """List settings and where they come from.

    Secrets are masked.

    \b
    earshot settings
    EARSHOT_PORT=9000 earshot settings --json
    """
    rows = Settings.load().describe()
    names = ("setting", "value", "from", "meaning")
    text = format_table([dict(zip(names, row.values(), strict=True)) for row in rows])
    print_result({"settings": rows}, text, as_json=as_json)


@group.command()
def counters(
    repair: Annotated[bool, typer.Option("--repair", help="Set every wrong counter to the number of rows.")] = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare stored counters with the rows that they count.

    These are the counters of votes, comments and posts. Without --repair the exit code is 1 when one is wrong.

    \b
    earshot counters
    earshot counters --repair
    """
    from app.domain.counters import audit

    mismatches = run_write(audit.repair, portal=portal) if repair else run_read(audit.find_mismatches, portal=portal)
    rows = [asdict(mismatch) for mismatch in mismatches]
    text = format_table(rows) if rows else "all counters are right"
    print_result(
        {"differences": rows, "repaired": repair}, f"{text}\nrepaired" if repair and rows else text, as_json=as_json
    )
    if rows and not repair:
        state = "1 counter is wrong" if len(rows) == 1 else f"{len(rows)} counters are wrong"
        raise CommandError(f"{state}: repair with --repair")


@group.command()
def doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="Fix problems without losing data: break cycles of sections.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the installation and say how to fix problems.

    It checks settings, files and their modes, disk space, the database and its content, counters, sections, clocks,
    Redis, rate limits, proxies, the public address, storage, the mail server and OpenTelemetry. Without --fix it
    changes no data and sends no email; it stores and removes a small file, and creates the folder of the storage if it
    is missing.
    The exit code is 1 when it finds a problem, also with --fix.

    \b
    earshot doctor
    earshot doctor --json
    earshot doctor --fix
    """
    from app.cli.doctor.checks import examine

    findings = examine(fix=fix)
    rows = [asdict(finding) for finding in findings]
    lines = [
        f"{'FIXED' if finding.fixed else 'ok   ' if finding.well else 'WRONG'}  {finding.what:<10} {finding.state}"
        + ("" if finding.well else f"\n{'':18} -> {finding.remedy}")
        for finding in findings
    ]
    problems = [finding.what for finding in findings if not finding.well]
    print_result({"well": not problems, "findings": rows}, "\n".join(lines), as_json=as_json)
    if problems:
        raise CommandError(f"problems found in: {', '.join(problems)}")
