"""What is set from outside: which address is asked first, through which proxy, and what makes no sense."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from requests.utils import should_bypass_proxies

from fetching_cases import NAME, PATH, begin, keep_apart, placed, published
from hostile_server import HostileServer, Page
from made_up_weights import CONTENT, model, plain
from weights.errors import UsageError
from weights.fetching import environment
from weights.fetching.fetch import fetch


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_apart(tmp_path / "store", monkeypatch)


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer({PATH: Page(CONTENT)}) as running:
        yield running


def test_a_mirror_is_asked_first_and_the_published_address_next(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HostileServer({"/some/prefix/made-up/net.caffemodel": Page(CONTENT)}) as mirror:
        monkeypatch.setenv("FACEPORT_MIRROR", mirror.url("/some/prefix/"))
        assert fetch(published(server)).sources == {NAME: mirror.url("/some/prefix/made-up/net.caffemodel")}
        assert server.asked == []
        placed().unlink()
        mirror.pages.clear()
        assert fetch(published(server)).sources == {NAME: server.url(PATH)}
        assert len(mirror.asked) == 2


def test_the_address_that_a_part_came_from_is_asked_before_others(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(server, published(server), monkeypatch)
    with HostileServer({PATH: Page(CONTENT)}) as other:
        fetch(published(other, server))
        assert other.asked == []
    assert server.ranges == ["", "bytes=100000-"]


def test_a_part_is_kept_until_another_address_gives_more(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(server, published(server), monkeypatch)
    with HostileServer() as mirror:
        monkeypatch.setenv("FACEPORT_MIRROR", mirror.address)
        fetch(published(server))
        assert mirror.ranges == [""]
    assert server.ranges == ["", "bytes=100000-"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FACEPORT_MIRROR", "ftp://host/prefix"), ("FACEPORT_MIRROR", "host/prefix"), ("FACEPORT_MIRROR", "http:///prefix"),
        ("FACEPORT_TIMEOUT", "soon"), ("FACEPORT_TIMEOUT", "0"), ("FACEPORT_TIMEOUT", "nan"),
        ("FACEPORT_TIMEOUT", "inf"), ("FACEPORT_TIMEOUT", "-1"),
    ],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_refused(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=f"{variable}={value}: is to be"):
        fetch(published(server))


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_proxies_of_the_environment_are_asked(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, server.address)
    fetch(model(plain([f"http://weights.invalid{PATH}"], CONTENT)))
    assert server.targets == [f"http://weights.invalid{PATH}"]


@pytest.mark.parametrize("no_proxy", ["", "somewhere.invalid", "*"])
def test_no_proxy_is_asked_for_this_machine(
    server: HostileServer, monkeypatch: pytest.MonkeyPatch, no_proxy: str
) -> None:
    with HostileServer() as proxy:
        for variable in ("http_proxy", "all_proxy"):
            monkeypatch.setenv(variable, proxy.address)
        monkeypatch.setenv("no_proxy", no_proxy)
        fetch(published(server))
        placed().unlink()
        fetch(model(plain([server.url(PATH).replace("127.0.0.1", "localhost")], CONTENT)))
        assert proxy.asked == []
    assert server.targets == [PATH, PATH]


@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_hosts_that_a_person_excepts_stay_so(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "weights.invalid")
    excepted = environment.without_proxy()["no_proxy"]
    assert should_bypass_proxies("http://weights.invalid/net", excepted)
    assert should_bypass_proxies("http://[::1]/net", excepted)
    assert not should_bypass_proxies("http://elsewhere.invalid/net", excepted)
