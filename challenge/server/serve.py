"""Runs the server of a challenge directory until it is ended."""

from __future__ import annotations

import uvicorn

from challenge.server.application import make_application
from challenge.server.http_connection import TimedConnection
from challenge.server.openid import OpenIdProvider
from challenge.server.request_log import log_to_stderr
from challenge.server.scoring_host import run_line
from challenge.server.scoring_process import JobLimits
from challenge.server.trusted_proxies import TrustedProxies
from challenge.task import Challenge

__all__ = ["serve", "serve_line"]

_BACKLOG, _END_S = 2048, 30


def serve(
    challenge: Challenge,
    *,
    host: str,
    port: int,
    slots: int,
    limits: JobLimits,
    trusted_proxies: str,
    user_header: str,
    openid: OpenIdProvider | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM; uploads that have begun are finished first.

    `trusted_proxies` are addresses with commas between, whose X-Forwarded-For, X-Forwarded-Proto
    and `user_header` are believed.
    """
    import resource

    log_to_stderr()
    # Idle connections hold a descriptor each, until they are closed for being idle.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvicorn.run(
        TrustedProxies(
            make_application(challenge, slots=slots, limits=limits, openid=openid),
            trusted_proxies,
            user_header,
        ),
        host=host,
        port=port,
        http=TimedConnection,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_END_S,
        proxy_headers=False,
    )


def serve_line(challenge: Challenge, *, slots: int, limits: JobLimits) -> None:
    """Score the files that other hosts receive, until SIGTERM."""
    log_to_stderr()
    run_line(challenge, slots, limits)
