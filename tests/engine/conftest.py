"""Fixtures of the conversations."""

from collections.abc import Callable, Iterator

import pytest

from proxy_core.certificate_authority import CertificateAuthority
from proxy_core.model.settings import Settings
from tests.support.conversation import Client, Nobody, Origin, Proxy
from tests.support.test_ca import ExampleCa


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> CertificateAuthority:
    return CertificateAuthority.load_or_create(str(tmp_path_factory.mktemp("ca")))


@pytest.fixture
def start_proxy(tmp_path, authority) -> Iterator[Callable[..., Proxy]]:
    proxies: list[Proxy] = []

    def start(**options) -> Proxy:
        folder = tmp_path / f"proxy{len(proxies)}"
        folder.mkdir()
        proxies.append(Proxy(folder, authority=authority, **options))
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.stop()


@pytest.fixture
def proxy(start_proxy) -> Proxy:
    return start_proxy()


@pytest.fixture
def start_origin() -> Iterator[Callable[..., Origin]]:
    origins: list[Origin] = []

    def start(script: Callable[[Client], None], **options) -> Origin:
        origins.append(Origin(script, **options))
        return origins[-1]

    yield start
    for origin in origins:
        origin.stop()
        assert not origin.problems, origin.problems


@pytest.fixture
def nobody() -> Iterator[Nobody]:
    with Nobody() as nobody:
        yield nobody


@pytest.fixture(scope="module")
def example_ca() -> ExampleCa:
    return ExampleCa()


@pytest.fixture
def trusting(tmp_path, example_ca) -> Settings:
    path = tmp_path / "roots.pem"
    path.write_bytes(example_ca.pem)
    return Settings(upstream_ca=(str(path),))
