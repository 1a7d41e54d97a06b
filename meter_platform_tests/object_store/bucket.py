"""A bucket of a store as suppliers use it, with the proxy that the platform reaches it by.

What belongs here: putting and removing objects, and the environment in which a program finds the store. What does not: what
is in the objects.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import boto3
import pytest

from meter_platform_tests.object_store.proxy import Proxy, proxied

ENVIRONMENT: Final = {
    "AWS_ACCESS_KEY_ID": "supplier",
    "AWS_SECRET_ACCESS_KEY": "hunter2-secret",
    "AWS_DEFAULT_REGION": "eu-west-2",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class Bucket:
    """An empty bucket at the beginning of a test.

    Attributes:
        name: of it.
        proxy: between it and the platform.
        client: asks the store itself, past the proxy.
    """

    name: str
    proxy: Proxy
    client: Any

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)

    def keys(self, prefix: str = "") -> list[str]:
        """The objects below a prefix, a thousand at most."""
        listed = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix)
        return [entry["Key"] for entry in listed.get("Contents", [])]


@contextmanager
def bucket(port: int, name: str) -> Iterator[Bucket]:
    """A new bucket of the server at a port; this process finds the store by its environment."""
    import s3fs  # noqa: PLC0415 - takes a second, and few tests need it

    with proxied(port) as proxy, pytest.MonkeyPatch.context() as patch:
        for variable, value in ENVIRONMENT.items():
            patch.setenv(variable, value)
        patch.setenv("AWS_ENDPOINT_URL", proxy.url)
        s3fs.S3FileSystem.clear_instance_cache()
        client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}")
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
        try:
            yield Bucket(name, proxy, client)
        finally:
            client.close()
            s3fs.S3FileSystem.clear_instance_cache()
