"""RFC 3161 against an authority that the test makes with OpenSSL: the true answer is kept, every other is refused."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from incamera.core.errors import Malformed, Unavailable, Unverified
from incamera.ledger import Ledger
from incamera.ledger.timestamp import Authority, check, stamp
from incamera_verify.note import Checkpoint, Note

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl program as a test authority")

CONFIG = """
[tsa]
default_tsa = one
[one]
serial = {0}/serial
crypto_device = builtin
signer_cert = {0}/tsa.pem
signer_key = {0}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
"""


class TestAuthority:
    """A root, a timestamping certificate under it, and `openssl ts` to answer."""

    __test__ = False

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        root_key, self.root = self._certificate("root", None, None)
        self._certificate("tsa", root_key, self.root)
        (directory / "serial").write_text("01\n")
        (directory / "tsa.cnf").write_text(CONFIG.format(directory))

    def _certificate(self, name: str, issuer_key: rsa.RSAPrivateKey | None, issuer: x509.Certificate | None):
        key = rsa.generate_private_key(65537, 2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"test {name}")])
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key((issuer_key or key).public_key()), critical=False)
        )
        if issuer is None:
            usage = {"digital_signature": False, "key_cert_sign": True, "crl_sign": True}
        else:
            usage = {"digital_signature": True, "key_cert_sign": False, "crl_sign": False}
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        rest = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"),
            False,
        )
        builder = builder.add_extension(x509.KeyUsage(**usage, **rest), critical=True)
        certificate = builder.sign(issuer_key or key, hashes.SHA256())
        pem = serialization.Encoding.PEM
        (self.directory / f"{name}.pem").write_bytes(certificate.public_bytes(pem))
        plain = serialization.NoEncryption()
        (self.directory / f"{name}.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
        return key, certificate

    def answer(self, request: bytes) -> tuple[int, bytes]:
        (self.directory / "query").write_bytes(request)
        command = ["openssl", "ts", "-reply", "-config", self.directory / "tsa.cnf", "-queryfile", self.directory / "query"]
        subprocess.run([*command, "-out", self.directory / "answer"], check=True, capture_output=True)
        return 200, (self.directory / "answer").read_bytes()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    return TestAuthority(tmp_path_factory.mktemp("tsa") / "one")


@pytest.fixture
def trusted(authority: TestAuthority) -> Authority:
    return Authority("tsa.example", (authority.root,))


def state_of(ledger: Ledger) -> Checkpoint:
    return Checkpoint.parse(Note.parse(ledger.checkpoint().encode()).text)


def test_a_stamp_is_kept_and_is_an_act(ledger: Ledger, home: Path, authority: TestAuthority, trusted: Authority):
    state = state_of(ledger)
    place = stamp(ledger, trusted, authority.answer).index
    fields = ledger.entry(place).entry.fields
    assert (fields["authority"], fields["size"], fields["root"]) == ("tsa.example", 1, state.root.hex())
    kept = (home / "timestamps" / "1.tsa.example.tsr").read_bytes()
    stated = check(kept, state, [trusted])
    assert abs(stated - datetime.now(UTC)) < timedelta(minutes=1)


def test_an_authority_nobody_trusts_is_refused(ledger: Ledger, authority: TestAuthority, tmp_path: Path):
    other = TestAuthority(tmp_path / "two")
    with pytest.raises(Unverified, match=r"ledger\.bad-timestamp"):
        stamp(ledger, Authority("tsa.example", (other.root,)), authority.answer)
    assert ledger.size == 1


def test_an_answer_about_another_checkpoint_is_refused(ledger: Ledger, authority: TestAuthority, trusted: Authority, act):
    _, answer = authority.answer(_request(state_of(ledger)))
    assert check(answer, state_of(ledger), [trusted])
    ledger.append(act())
    with pytest.raises(Unverified, match=r"ledger\.bad-timestamp"):
        check(answer, state_of(ledger), [trusted])


def _request(state: Checkpoint) -> bytes:
    import rfc3161_client as client

    return (
        client.TimestampRequestBuilder().data(state.text.encode()).hash_algorithm(client.HashAlgorithm.SHA256).build().as_bytes()
    )


def test_a_replayed_answer_is_refused(ledger: Ledger, authority: TestAuthority, trusted: Authority):
    """The nonce of this request is not that of the earlier one."""
    _, earlier = authority.answer(_request(state_of(ledger)))
    with pytest.raises(Unverified, match=r"ledger\.bad-timestamp"):
        stamp(ledger, trusted, lambda _: (200, earlier))


def test_a_flipped_bit_in_the_signature_is_refused(ledger: Ledger, authority: TestAuthority, trusted: Authority):
    _, answer = authority.answer(_request(state_of(ledger)))
    assert check(answer, state_of(ledger), [trusted])
    for at in (len(answer) - 1, len(answer) - 100, len(answer) - 200):
        forged = bytearray(answer)
        forged[at] ^= 1
        with pytest.raises(Unverified, match=r"ledger\.bad-timestamp"):
            check(bytes(forged), state_of(ledger), [trusted])


def test_answers_that_are_none_are_refused(ledger: Ledger, trusted: Authority):
    with pytest.raises(Unavailable, match=r"ledger\.timestamp-refused"):
        stamp(ledger, trusted, lambda _: (503, b""))
    for answer in (b"", b"garbage", b"\x30\x80"):
        with pytest.raises(Unverified, match=r"ledger\.bad-timestamp"):
            stamp(ledger, trusted, lambda _, a=answer: (200, a))


def test_without_the_extra_the_way_to_install_it_is_said(
    ledger: Ledger, authority: TestAuthority, trusted: Authority, monkeypatch
):
    monkeypatch.setitem(__import__("sys").modules, "rfc3161_client", None)
    with pytest.raises(Unavailable, match=r"ledger\.no-timestamps"):
        stamp(ledger, trusted, authority.answer)


def test_an_authority_needs_a_name_and_a_root(authority: TestAuthority):
    for name, roots in (("with/slash", (authority.root,)), ("Upper", (authority.root,)), ("tsa", ())):
        with pytest.raises(Malformed, match=r"ledger\.bad-authority"):
            Authority(name, roots)
