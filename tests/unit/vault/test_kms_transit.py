"""The transit engine, against its HTTP contract: hvac is real, the server is a small one that does what the API says.

No package of OpenBao or Vault comes with Debian or PyPI.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from incamera.core.errors import Unavailable
from incamera.testing.kms_suite import CONTEXT, KEY, KmsSuite
from incamera.testing.transit import transit_server
from incamera.vault.kms_transit import TransitKms

hvac = pytest.importorskip("hvac", reason="hvac is in the extra kms")
TOKEN = "a-token-for-tests"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with transit_server(TOKEN) as server:
        yield server.url


@pytest.mark.filterwarnings("ignore")
class TestTransitKms(KmsSuite):
    @pytest.fixture
    def kms(self, url: str) -> Any:
        return TransitKms(url=url, token=TOKEN)

    def test_a_destroyed_epoch_is_not_born_again_by_wrapping(self, kms: Any) -> None:
        epoch = kms.new_epoch()
        kms.destroy(epoch)
        with pytest.raises(Unavailable) as caught:
            kms.wrap(epoch, KEY, CONTEXT)
        assert caught.value.code == "vault.epoch-destroyed"

    def test_the_token_comes_from_where_the_clients_look(self, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        for name in ("VAULT_TOKEN", "BAO_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(Unavailable, match=r"vault\.kms-permission"):
            TransitKms(url=url).new_epoch()
        (tmp_path / ".vault-token").write_text(TOKEN)
        assert TransitKms(url=url).new_epoch()
        for name in ("VAULT_TOKEN", "BAO_TOKEN"):
            monkeypatch.setenv(name, TOKEN)
            (tmp_path / ".vault-token").write_text("another")
            assert TransitKms(url=url).new_epoch()
            monkeypatch.delenv(name)

    def test_a_wrong_token_is_told(self, url: str) -> None:
        with pytest.raises(Unavailable) as caught:
            TransitKms(url=url, token="another").new_epoch()
        assert caught.value.code == "vault.kms-permission"
        assert "another" not in str(caught.value)

    def test_a_server_that_is_away_is_told(self) -> None:
        with pytest.raises(Unavailable) as caught:
            TransitKms(url="http://127.0.0.1:1", token=TOKEN).new_epoch()
        assert caught.value.code == "vault.kms-away"
