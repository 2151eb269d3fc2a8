"""The command that puts a challenge on the network."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Annotated

import typer

from challenge.cli.app import app, challenge_of
from challenge.errors import Fault, MissingRequirement, WrongUse, require_unix

__all__: list[str] = []


@app.command(epilog="Example: challenge serve --host 0.0.0.0 --port 8000")
def serve(
    ctx: typer.Context,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 8000,
    workers: Annotated[
        int,
        typer.Option("--workers", min=0, help="Files scored at once; 0: other hosts score them."),
    ] = 4,
    scoring_only: Annotated[
        bool, typer.Option("--scoring-only", help="Score what other hosts receive; no web.")
    ] = False,
    memory_mb: Annotated[
        int, typer.Option("--memory-mb", min=256, help="Memory that one file may take.")
    ] = 2048,
    seconds: Annotated[
        int, typer.Option("--seconds", min=1, help="Seconds that one file may take.")
    ] = 300,
    trusted_proxies: Annotated[
        str,
        typer.Option(
            "--trusted-proxies",
            metavar="ADDRESSES",
            help="Proxies whose X-Forwarded-For and -Proto count, with commas between.",
        ),
    ] = "",
    user_header: Annotated[
        str,
        typer.Option(
            "--user-header",
            metavar="NAME",
            help="The header in which these proxies state which member of a team signed in.",
        ),
    ] = "",
    openid: Annotated[
        str,
        typer.Option("--openid", metavar="ISSUER", help="A provider that signs members in to /me."),
    ] = "",
    openid_client: Annotated[
        str, typer.Option("--openid-client", metavar="ID", help="What it knows this server as.")
    ] = "",
    openid_claim: Annotated[
        str, typer.Option("--openid-claim", metavar="NAME", help="The claim that names a member.")
    ] = "email",
) -> None:
    """Serve the API, the site and a page for each team, until interrupted.

    SQLite by default; CHALLENGE_LEDGER names a PostgreSQL server for several hosts, and
    CHALLENGE_BUCKET a bucket for their files. Needs the extra `server`, and with --openid the
    extra `openid` and CHALLENGE_OPENID_SECRET. See `docs/deploying.md`.
    """
    challenge = challenge_of(ctx)
    if scoring_only and not workers:
        raise WrongUse(
            Fault(
                "--workers",
                "0 with --scoring-only",
                "at least one file at once",
                "leave one of the two options out",
                code="no-workers",
            )
        )
    if user_header and not trusted_proxies:
        raise WrongUse(
            Fault(
                "--user-header",
                f"{user_header!r} without --trusted-proxies",
                "the addresses that may send this header",
                "add --trusted-proxies ADDRESSES",
                code="no-proxies",
            )
        )
    require_unix("challenge serve")
    try:
        from challenge.server.openid import OpenIdProvider
        from challenge.server.scoring_process import JobLimits
        from challenge.server.serve import serve as serve_challenge
        from challenge.server.serve import serve_line

        for name in ("authlib", "itsdangerous") if openid else ():
            import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "challenge":
            raise
        raise MissingRequirement(
            Fault(
                "challenge serve",
                f"the package {error.name!r} is missing",
                "the extra `openid`" if openid else "the extra `server`",
                f"pip install 'multimodal-challenge[{'server,openid' if openid else 'server'}]'",
                code="extra-missing",
            )
        ) from None
    limits = JobLimits(memory_mb, seconds)
    if scoring_only:
        serve_line(challenge, slots=workers, limits=limits)
        return
    serve_challenge(
        challenge,
        host=host,
        port=port,
        slots=workers,
        limits=limits,
        trusted_proxies=trusted_proxies,
        user_header=user_header,
        openid=OpenIdProvider(
            openid, openid_client, os.environ.get("CHALLENGE_OPENID_SECRET", ""), openid_claim
        )
        if openid
        else None,
    )
