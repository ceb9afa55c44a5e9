"""Addresses of key services: standard names, read strictly, in which no secret has a place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from incamera.core.errors import Error, Malformed
from incamera.vault.kms_address import Aws, Local, Pkcs11, Transit, parse

ARN = "arn:aws:kms:eu-central-1:111122223333:key/*"
MODULE = "module-path=/usr/lib/softhsm/libsofthsm2.so"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("local", Local()),
        (ARN, Aws(ARN, "eu-central-1", "111122223333")),
        (
            "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/*?endpoint=https://kms.example",
            Aws(
                "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/*?endpoint=https://kms.example",
                "us-gov-west-1",
                "111122223333",
                "https://kms.example",
            ),
        ),
        (
            "transit:https://bao.example:8200/team/transit/?namespace=holder",
            Transit(
                "transit:https://bao.example:8200/team/transit/?namespace=holder",
                "https://bao.example:8200",
                "team/transit",
                "holder",
            ),
        ),
        (
            "transit:http://127.0.0.1:8100/transit",
            Transit("transit:http://127.0.0.1:8100/transit", "http://127.0.0.1:8100", "transit"),
        ),
        (
            f"pkcs11:token=the%20holder;serial=0A%3B?{MODULE}&pin-source=file:///run/pin",
            Pkcs11(
                f"pkcs11:token=the%20holder;serial=0A%3B?{MODULE}&pin-source=file:///run/pin",
                Path("/usr/lib/softhsm/libsofthsm2.so"),
                "the holder",
                b"0A;",
                Path("/run/pin"),
            ),
        ),
        (
            f"pkcs11:serial=12?{MODULE}&pin-source=/run/pin",
            Pkcs11(
                f"pkcs11:serial=12?{MODULE}&pin-source=/run/pin",
                Path("/usr/lib/softhsm/libsofthsm2.so"),
                None,
                b"12",
                Path("/run/pin"),
            ),
        ),
    ],
)
def test_what_is_written_is_what_is_meant(text: str, expected: object) -> None:
    found = parse(text)
    assert found == expected
    assert found.text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Local",
        "local ",
        "paper",
        "aws",
        "local\n",
        "l" * 2000,
        "arn:aws:kms:eu-central-1:111122223333:key/12345678-1234-1234-1234-123456789012",
        "arn:aws:kms:eu-central-1::key/*",
        "arn:aws:kms::111122223333:key/*",
        "arn:aws:s3:eu-central-1:111122223333:key/*",
        ARN + "?endpoint=http://kms.example",
        ARN + "?endpoint=https://kms.example/path",
        ARN + "?endpoint=https://a.example&endpoint=https://b.example",
        ARN + "?region=eu-central-1",
        ARN + "?endpoint=",
        "arn:aws:kms:eu-central-1:١١١١٢٢٢٢٣٣٣٣:key/*",
        "transit:",
        "transit:https://bao.example:8200",
        "transit:https://bao.example:8200/",
        "transit:http://bao.example:8200/transit",
        "transit:ftp://bao.example/transit",
        "transit:https://bao.example:99999/transit",
        "transit:https://[::1/transit",
        "transit:https://bao.example/../sys",
        "transit:https://bao.example/tran%73it",
        "transit:https://bao.example/transit?token=x",
        "transit:https://bao.example/transit#x",
        "pkcs11:",
        "pkcs11:token=x",
        f"pkcs11:?{MODULE}",
        f"pkcs11:token=x;token=y?{MODULE}",
        f"pkcs11:token=?{MODULE}",
        f"pkcs11:token?{MODULE}",
        f"pkcs11:token=x;object=key?{MODULE}",
        "pkcs11:token=x?module-path=relative.so",
        "pkcs11:token=x?module-path=/a%00b",
        f"pkcs11:token=%ff?{MODULE}",
        f"pkcs11:token=x?{MODULE}&pin-source=pin",
        f"pkcs11:token=x?{MODULE}&pin-source=https://pins.example",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(text)
    assert caught.value.code == "vault.kms-address"


@pytest.mark.parametrize(
    "text",
    [
        f"pkcs11:token=x?{MODULE}&pin-value=4711-secret",
        f"pkcs11:token=x;pin-value=4711-secret?{MODULE}",
        "transit:https://name:4711-secret@bao.example/transit",
        ARN + "?endpoint=https://4711-secret@kms.example",
    ],
)
def test_a_secret_in_an_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(text)
    assert caught.value.code == "vault.kms-address-secret"
    assert "4711" not in str(caught.value) + repr(caught.value.args)


@given(
    st.one_of(st.text(), st.builds("{}{}".format, st.sampled_from(["arn:aws:", "transit:https:", "pkcs11:token="]), st.text()))
)
@example("transit:https://[")
@example("pkcs11:token=x?module-path=%2F")
def test_whatever_is_written_it_is_an_address_or_a_flaw(text: str) -> None:
    try:
        assert parse(text).text == text
    except Error as flaw:
        assert flaw.code.startswith("vault.kms-address")
