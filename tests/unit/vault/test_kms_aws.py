"""AWS KMS, on moto's server: real HTTP, real boto3, the suite of the port."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from incamera.core.errors import Unavailable
from incamera.testing.kms_suite import CONTEXT, KEY, KmsSuite
from incamera.testing.places import Place
from incamera.vault.kms_aws import PENDING_DAYS, AwsKms
from incamera.vault.store import Vault

server = pytest.importorskip("moto.server", reason="moto is in the group kms-test")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def aws(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> AwsKms:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    return AwsKms(region="eu-central-1", endpoint=endpoint)


@pytest.mark.filterwarnings("ignore")
class TestAwsKms(KmsSuite):
    @pytest.fixture
    def kms(self, aws: AwsKms) -> Any:
        return aws

    def foreign_epoch(self, kms: Any) -> str:
        return "12345678-1234-1234-1234-123456789012"

    def test_destruction_is_scheduled_in_the_shortest_window(self, kms: Any) -> None:
        epoch = kms.new_epoch()
        moment = kms.destroy(epoch)
        assert moment == kms.destroy(epoch)
        from datetime import UTC, datetime, timedelta

        assert abs(moment - datetime.now(UTC) - timedelta(days=PENDING_DAYS)) < timedelta(hours=1)

    def test_a_vault_runs_on_it_through_a_roll(self, kms: Any, tmp_path: Any) -> None:
        place = Place.make(tmp_path)
        place.vault.close()
        home = tmp_path / "aws"
        home.mkdir()
        vault = Vault.create(home, kms, appender=place.ledger, clock=place.clock, log=[place.ledger.verifier])
        place.vault = vault
        place.fill(8)
        assert len(place.readable()) == 8
        assert vault.roll_epoch(actor="holder").destroyed == (1,)
        assert len(place.readable()) == 8
        assert vault.stats().kms == "aws-kms"
        vault.close()

    def test_a_server_that_is_away_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "testing")
        kms = AwsKms(region="eu-central-1", endpoint="http://127.0.0.1:1")
        with pytest.raises(Unavailable) as caught:
            kms.new_epoch()
        assert caught.value.code == "vault.kms-away"

    @pytest.mark.parametrize(
        ("code", "expected"),
        [("AccessDeniedException", "vault.kms-permission"), ("ThrottlingException", "vault.kms-away")],
    )
    def test_a_revoked_permission_is_told_without_amazons_words(self, code: str, expected: str) -> None:
        from botocore.exceptions import ClientError

        class Refusing:
            def describe_key(self, **_: object) -> dict[str, dict[str, str]]:
                return {"KeyMetadata": {"KeyState": "Enabled"}}

            def decrypt(self, **_: object) -> None:
                raise ClientError({"Error": {"Code": code, "Message": "arn:aws:iam::123456789012:user/ann"}}, "Decrypt")

        with pytest.raises(Unavailable) as caught:
            AwsKms(Refusing()).unwrap("e", b"x", CONTEXT)
        assert caught.value.code == expected
        assert "arn:" not in str(caught.value)

    def test_no_region_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
        with pytest.raises(Unavailable) as caught:
            AwsKms()
        assert caught.value.code == "vault.kms-away"


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(Unavailable) as caught:
        AwsKms(region="eu-central-1")
    assert caught.value.code == "vault.kms-extra"
    assert KEY
