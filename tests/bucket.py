"""A real server of the S3 protocol beside the tests, with a bucket for each."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BUCKET = "contest"


@dataclass
class BucketServer:
    """A running server with an empty bucket, and the variables that lead to it."""

    environment: dict[str, str]

    def client(self) -> Any:
        """Return a client that none of the code under test has used."""
        import fsspec

        url = self.environment["AWS_ENDPOINT_URL"]
        return fsspec.filesystem(
            "s3", endpoint_url=url, skip_instance_cache=True, use_listings_cache=False
        )

    def names(self) -> set[str]:
        """Return the names of all objects."""
        return {str(name).removeprefix(f"{BUCKET}/") for name in self.client().find(BUCKET)}


@contextmanager
def bucket_server(folder: Path) -> Iterator[BucketServer]:
    """Run a server in a process of its own, and set the variables in this process too."""
    log = folder / "bucket.log"
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", "0"]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            while (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())) is None:
                assert process.poll() is None, log.read_text()
            environment = {
                "CHALLENGE_BUCKET": f"s3://{BUCKET}",
                "AWS_ENDPOINT_URL": found[0],
                "AWS_ACCESS_KEY_ID": "key",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_DEFAULT_REGION": "us-east-1",
            }
            before = {name: os.environ.get(name) for name in environment}
            os.environ.update(environment)
            try:
                server = BucketServer(environment)
                server.client().call_s3("create_bucket", Bucket=BUCKET)
                yield server
            finally:
                for name, value in before.items():
                    os.environ.pop(name)
                    os.environ.update({} if value is None else {name: value})
        finally:
            process.kill()
