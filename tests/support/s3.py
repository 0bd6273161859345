"""An object store for tests: moto's S3 server, which judges signatures, and boto3 as a look from outside."""

import contextlib
import functools
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
from botocore.config import Config
from moto.server import ThreadedMotoServer

REGION = "us-east-1"
_ALLOWED = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'


@dataclass(frozen=True)
class S3:
    """A running server and an account that it knows.

    Attributes:
        endpoint: its address.
        user: access key id.
        password: secret access key.
    """

    endpoint: str
    user: str
    password: str

    @functools.cache  # noqa: B019  # a few servers live in a process, and a client takes long to make
    def client(self, service: str = "s3") -> Any:
        """A boto3 client with the account."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.user,
            aws_secret_access_key=self.password,
            region_name=REGION,
            config=Config(s3={"addressing_style": "path"}),
        )

    def bucket(self) -> str:
        """Make an empty bucket and return its name."""
        name = f"yici-{secrets.token_hex(6)}"
        self.client().create_bucket(Bucket=name)
        return name

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object, as somebody else does."""
        self.client().put_object(Bucket=bucket, Key=key, Body=content)

    def get(self, bucket: str, key: str) -> bytes:
        """Read an object."""
        return self.client().get_object(Bucket=bucket, Key=key)["Body"].read()

    def keys(self, bucket: str) -> list[str]:
        """Names of all objects."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]

    def environment(self) -> dict[str, str]:
        """What a process is told in whose environment the store's address and account stand."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.user,
            "AWS_SECRET_ACCESS_KEY": self.password,
            "AWS_DEFAULT_REGION": REGION,
        }


@contextlib.contextmanager
def s3_server() -> Iterator[S3]:
    """Serve from a thread until the block ends; every request must be signed by the account. Once per process."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        iam = S3(endpoint, "nobody", "nothing").client("iam")
        iam.create_user(UserName="yici")
        iam.put_user_policy(UserName="yici", PolicyName="all", PolicyDocument=_ALLOWED)
        key = iam.create_access_key(UserName="yici")["AccessKey"]
        httpx.post(f"{endpoint}/moto-api/reset-auth", content=b"0", trust_env=False).raise_for_status()
        yield S3(endpoint, key["AccessKeyId"], key["SecretAccessKey"])
    finally:
        server.stop()
