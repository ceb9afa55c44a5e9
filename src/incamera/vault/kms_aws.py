"""AWS KMS: one symmetric key per epoch, its deletion scheduled when the epoch is destroyed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from incamera.core.errors import Error, Unavailable, Unverified
from incamera.vault.kms import Context

#: AWS keeps a deleted key for at least this long; it counts towards the stated bound of a shred.
PENDING_DAYS = 7
_GONE = {"PendingDeletion", "PendingReplicaDeletion"}
_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}


class AwsKms:
    """The port `Kms` over AWS KMS.

    The context goes along as EncryptionContext: KMS authenticates it and CloudTrail records it; it names no person.
    Credentials and region come from the usual AWS places. Needs the permissions `kms:CreateKey`, `kms:TagResource`,
    `kms:DescribeKey`, `kms:Encrypt`, `kms:Decrypt` and `kms:ScheduleKeyDeletion`; give the last to the rolling workload only.

    Args:
        account: The account whose keys these have to be: credentials of another one make no epoch.
    """

    name = "aws-kms"
    warning: str | None = None

    def __init__(
        self, client: Any = None, *, region: str | None = None, account: str | None = None, endpoint: str | None = None
    ) -> None:
        self._client = client or _connect(region, endpoint)
        self._account = account

    def __repr__(self) -> str:
        return "<AwsKms>"

    def new_epoch(self) -> str:
        """A fresh symmetric key that never leaves KMS; its id is the epoch's."""
        answer = self._call(
            "create_key",
            KeySpec="SYMMETRIC_DEFAULT",
            KeyUsage="ENCRYPT_DECRYPT",
            Description="incamera epoch key",
            Tags=[{"TagKey": "incamera", "TagValue": "epoch"}],
        )
        made = answer["KeyMetadata"]
        if self._account is not None and made.get("AWSAccountId") != self._account:
            self.destroy(made["KeyId"])
            raise Unavailable("vault.kms-account", "these credentials are of another account than the one that was named")
        return str(made["KeyId"])

    def wrap(self, epoch: str, key: bytes, context: Context) -> bytes:
        """*key* under the KMS key of *epoch*."""
        answer = self._call("encrypt", epoch, KeyId=epoch, Plaintext=key, EncryptionContext=dict(context))
        return bytes(answer["CiphertextBlob"])

    def unwrap(self, epoch: str, blob: bytes, context: Context) -> bytes:
        """The wrapped key. The epoch's key is named in the request, so a blob of another epoch is refused by KMS itself."""
        state = self._call("describe_key", epoch, KeyId=epoch)["KeyMetadata"]["KeyState"]
        if state in _GONE:  # KMS would refuse too; asked first, so that the reason is told in its own word
            raise _destroyed(epoch)
        answer = self._call("decrypt", epoch, KeyId=epoch, CiphertextBlob=blob, EncryptionContext=dict(context))
        return bytes(answer["Plaintext"])

    def destroy(self, epoch: str) -> datetime:
        """Schedule the key's deletion in the shortest window; from now on it decrypts nothing, then it is gone."""
        state = self._call("describe_key", epoch, KeyId=epoch)["KeyMetadata"]
        if state["KeyState"] in _GONE:
            return _utc(state.get("DeletionDate"))
        answer = self._call("schedule_key_deletion", epoch, KeyId=epoch, PendingWindowInDays=PENDING_DAYS)
        return _utc(answer.get("DeletionDate"))

    def _call(self, action: str, epoch: str = "", **arguments: Any) -> dict[str, Any]:
        from botocore.exceptions import (  # type: ignore[import-untyped]
            BotoCoreError,
            ClientError,
            NoCredentialsError,
            PartialCredentialsError,
        )

        try:
            answer: dict[str, Any] = getattr(self._client, action)(**arguments)
        except ClientError as flaw:
            status = flaw.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            raise self._refusal(flaw.response.get("Error", {}).get("Code", ""), status, epoch) from None
        except (NoCredentialsError, PartialCredentialsError):
            hint = "no AWS credentials: set them in the environment, a profile or a role of this machine"
            raise Unavailable("vault.kms-permission", hint) from None
        except BotoCoreError:
            raise Unavailable("vault.kms-away", "AWS KMS cannot be reached; check network, region and endpoint") from None
        return answer

    def _refusal(self, code: str, status: int, epoch: str) -> Error:
        """AWS's error codes in the house's words. Its messages are not passed on: they quote account ids and contexts."""
        if code in ("InvalidCiphertextException", "IncorrectKeyException"):
            return Unverified("vault.not-authentic", "KMS refuses the wrapped key: altered, or of another context", where=epoch)
        if code in ("KMSInvalidStateException", "DisabledException"):
            return _destroyed(epoch)
        if code == "NotFoundException":
            return Unavailable(
                "vault.epoch-unknown", "this KMS never had the epoch key; open it with the vault's own KMS", where=epoch
            )
        if code in _DENIED or status in (401, 403):
            return Unavailable("vault.kms-permission", "KMS refuses this identity; check its policy for the action", where=epoch)
        return Unavailable("vault.kms-away", "AWS KMS refuses for now; try again", where=epoch)


def _destroyed(epoch: str) -> Unavailable:
    return Unavailable("vault.epoch-destroyed", "the epoch key is being deleted, or is disabled", where=epoch)


def _utc(moment: datetime | None) -> datetime:
    return moment.astimezone(UTC) if moment is not None else datetime.now(UTC) + timedelta(days=PENDING_DAYS)


def _connect(region: str | None, endpoint: str | None) -> Any:
    try:
        import boto3
        from botocore.config import Config  # type: ignore[import-untyped]
    except ImportError:
        raise Unavailable("vault.kms-extra", "install `incamera[kms]` for AWS KMS") from None
    from botocore.exceptions import BotoCoreError

    config = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 3, "mode": "standard"})
    try:
        session = boto3.session.Session()  # not the default one, which keeps the credentials of its first use
        return session.client("kms", region_name=region, endpoint_url=endpoint, config=config)
    except BotoCoreError:
        raise Unavailable("vault.kms-away", "AWS KMS cannot be reached; name a region and credentials") from None
