"""Three key services that run here, each with a permission that can be taken away and given back."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from incamera.testing import softhsm
from incamera.testing.transit import transit_server


@dataclass
class Service:
    """A key service: its address for `--kms`, its name, and who may do what."""

    address: str
    name: str
    forbid: Callable[..., None]
    allow: Callable[[], None]


@contextmanager
def transit(patch: pytest.MonkeyPatch, _place: Path) -> Iterator[Service]:
    pytest.importorskip("hvac", reason="hvac is in the extra kms")
    paths = {"unwrap": "decrypt/", "wrap": "encrypt/", "make": "POST keys/", "destroy": "DELETE keys/"}
    with transit_server("a-token-for-tests") as server:
        patch.setenv("VAULT_TOKEN", server.token)
        yield Service(
            f"transit:{server.url}/transit",
            "transit",
            lambda *what: server.refused.update(paths[one] for one in what),
            server.refused.clear,
        )


@contextmanager
def aws(patch: pytest.MonkeyPatch, _place: Path) -> Iterator[Service]:
    """moto's server, with its own enforcement of IAM policies."""
    moto = pytest.importorskip("moto.server", reason="moto is in the group kms-test")
    import boto3

    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        patch.delenv(name, raising=False)
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    url = f"http://{host}:{port}"
    needed = {
        "unwrap": ["kms:Decrypt"],
        "wrap": ["kms:Encrypt"],
        "make": ["kms:CreateKey", "kms:TagResource"],
        "destroy": ["kms:ScheduleKeyDeletion"],
    }

    def enforce(on: bool) -> None:
        data, headers = b"0" if on else b"inf", {"Content-Type": "text/plain"}
        request = urllib.request.Request(f"{url}/moto-api/reset-auth", data, headers, method="POST")
        urllib.request.urlopen(request, timeout=10).close()

    try:
        iam = boto3.client(
            "iam", endpoint_url=url, region_name="eu-central-1", aws_access_key_id="root", aws_secret_access_key="x"
        )
        person = f"holder-{os.urandom(4).hex()}"  # moto's state outlives its server
        iam.create_user(UserName=person)
        key = iam.create_access_key(UserName=person)["AccessKey"]
        patch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        patch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])

        def permit(*forbidden: str) -> None:
            enforce(False)
            actions = ["kms:DescribeKey", *(one for name, some in needed.items() if name not in forbidden for one in some)]
            policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
            iam.put_user_policy(UserName=person, PolicyName="keys", PolicyDocument=json.dumps(policy))
            enforce(True)

        permit()
        yield Service(f"arn:aws:kms:eu-central-1:123456789012:key/*?endpoint={url}", "aws-kms", permit, permit)
    finally:
        enforce(False)
        running.stop()


@contextmanager
def pkcs11(_patch: pytest.MonkeyPatch, place: Path) -> Iterator[Service]:
    """SoftHSM; what is taken away is the PIN, and with it everything."""
    library = pytest.importorskip("pkcs11", reason="python-pkcs11 is in the extra kms")
    module = softhsm.module()
    if module is None:
        pytest.skip("SoftHSM is not installed (Debian: softhsm2)")
    right, other = "4711", "0815"
    with softhsm.token(place, "the holder", right):
        pin = place / "pin"
        pin.write_text(f"{right}\n")
        pin.chmod(0o600)

        def change(old: str, new: str) -> None:
            found = library.lib(str(module)).get_token(token_label="the holder")
            with suppress(library.exceptions.PinIncorrect), found.open(rw=True, user_pin=old) as session:
                session.set_pin(old, new)  # unless it was changed before

        address = f"pkcs11:token=the%20holder?module-path={module}&pin-source=file:{pin}"
        yield Service(address, "pkcs11", lambda *_: change(right, other), lambda: change(other, right))
