"""Commands that tend the whole installation: `migrate`, `settings`, `counters`, `doctor`."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from app.adapters.database.revisions import head
from app.backends import open_database
from app.cli.database import run_read, run_write
from app.cli.doctor.checks import examine
from app.cli.errors import CommandError
from app.cli.output import format_table, print_result
from app.cli.params import JsonOption, PortalOption
from app.domain.counters import audit
from app.server import startup
from app.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("migrate")(migrate)
    app.command("settings")(settings)
    app.command("counters")(counters)
    app.command("doctor")(doctor)


def migrate(as_json: JsonOption = False) -> None:
    """Bring the database up to date.

    `serve` does this by itself. Alone it is useful before several servers start on one database.
    """
    chosen = Settings.load()

    async def operation() -> None:
        await startup.preflight(chosen)
        await startup.prepare(chosen)

    asyncio.run(operation())
    where = open_database(chosen).describe()
    print_result({"database": where, "revision": head()}, f"{where} is at revision {head()}", as_json=as_json)


def settings(as_json: JsonOption = False) -> None:
    """List settings and where they come from.

    Secrets are masked.

    \b
    earshot settings
    EARSHOT_PORT=9000 earshot settings --json
    """
    told = Settings.load().describe()
    text = format_table(
        [{"setting": one.name, "value": one.value, "from": one.source, "meaning": one.meaning} for one in told]
    )
    print_result({"settings": [asdict(one) for one in told]}, text, as_json=as_json)


def counters(
    repair: Annotated[bool, typer.Option("--repair", help="Make every counter equal to a recount.")] = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold counters against what they count.

    These are the kept numbers of votes, comments and posts. Without --repair it exits with 1 when one is wrong.

    \b
    earshot counters
    earshot counters --repair
    """
    found = run_write(audit.repair, portal=portal) if repair else run_read(audit.find_mismatches, portal=portal)
    rows = [asdict(difference) for difference in found]
    text = format_table(rows) if rows else "all counters are right"
    print_result(
        {"differences": rows, "repaired": repair}, f"{text}\nrepaired" if repair and rows else text, as_json=as_json
    )
    if rows and not repair:
        wrong = "1 counter differs from what it counts" if len(rows) == 1 else f"{len(rows)} counters are wrong"
        raise CommandError(f"{wrong}: put right with --repair")


def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Put right what loses nothing: break cycles of sections.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look for what is wrong, and say what to do.

    It looks at settings, files and their modes, the disk, the database and what it holds, counters, sections, clocks,
    Redis, limits, proxies, the public address, storage, mail and OpenTelemetry. Without --fix it changes nothing. It
    exits with 1 when something is wrong, also after --fix.

    \b
    earshot doctor
    earshot doctor --json
    earshot doctor --fix
    """
    findings = examine(fix=fix)
    rows = [asdict(finding) for finding in findings]
    lines = [
        f"{'FIXED' if finding.fixed else 'ok   ' if finding.well else 'WRONG'}  {finding.what:<10} {finding.state}"
        + ("" if finding.well else f"\n{'':18} -> {finding.remedy}")
        for finding in findings
    ]
    well = all(finding.well for finding in findings)
    print_result({"well": well, "findings": rows}, "\n".join(lines), as_json=as_json)
    if not well:
        wrong = [finding.what for finding in findings if not finding.well]
        raise CommandError(f"something is wrong with: {', '.join(wrong)}")
