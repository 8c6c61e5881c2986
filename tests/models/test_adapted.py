"""Names of adapted models, and what is read of an adapter. What one does: tests/training/test_two_stacks.py."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from codeact.errors import UsageError, WeightsError
from codeact.models.adapter import read_adapter
from codeact.models.local import open_local
from codeact.models.store import Store, adapter_of
from codeact.models.store.adapted import LocalName

from .fake_weights import adapter, gguf, weights

DATA = gguf()
FAKE = weights(DATA)
OF_FAKE = {
    "general.architecture": "llama",
    "general.type": "adapter",
    "adapter.type": "lora",
    "codeact.base_sha256": FAKE.sha256,
    "codeact.base_name": "fake.gguf",
    "codeact.licence": "MIT",
    "codeact.description": "acts by code",
}


def written(path: Path, values: Mapping[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(adapter(values))
    return path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """One whose package ships an adapter."""
    written(tmp_path / "adapters" / "codeact-fake" / "adapter.gguf", OF_FAKE)
    return Store(tmp_path / "store", known={"fake": FAKE}, adapters=tmp_path / "adapters")


def test_what_an_adapter_says_of_itself(tmp_path: Path) -> None:
    path = written(tmp_path / "mine" / "adapter.gguf", OF_FAKE)
    info = read_adapter(path)
    assert info.provenance == {"licence": "MIT", "description": "acts by code"}
    assert info.sha256 == sha256(path.read_bytes()).hexdigest()
    assert info.label == f"mine@{info.sha256[:12]}"
    assert read_adapter(path.rename(tmp_path / "second.gguf")).label == f"second@{info.sha256[:12]}"


def test_an_adapter_that_does_not_say_its_base_must_be_of_the_same_architecture(tmp_path: Path) -> None:
    base = tmp_path / "base.gguf"
    base.write_bytes(DATA)
    foreign = {key: value for key, value in OF_FAKE.items() if not key.startswith("codeact.")}
    read_adapter(written(tmp_path / "foreign.gguf", foreign)).check_base(base, FAKE.sha256)
    other = read_adapter(written(tmp_path / "other.gguf", foreign | {"general.architecture": "qwen2"}))
    with pytest.raises(WeightsError, match=r"for the architecture 'qwen2', and base.gguf is of 'llama'"):
        other.check_base(base, FAKE.sha256)


@pytest.mark.parametrize(
    ("name", "base", "path"),
    [
        ("fake", "fake", None),
        ("/data/x.gguf", "/data/x.gguf", None),
        ("fake+out/adapter.gguf", "fake", "out/adapter.gguf"),
        ("fake+/c++/a.gguf", "fake", "/c++/a.gguf"),
        ("/c++/x.gguf+/a/b.gguf", "/c++/x.gguf", "/a/b.gguf"),
        ("/c++/x.gguf", "/c++/x.gguf", None),
    ],
)
def test_a_name_is_a_base_and_perhaps_an_adapter(store: Store, name: str, base: str, path: str | None) -> None:
    assert store.resolve(name) == LocalName(base, Path(path) if path else None)


def test_the_package_may_ship_adapters_with_names_of_their_own(store: Store) -> None:
    [model] = store.adapted().values()
    assert (model.name, model.base, model.licence) == ("codeact-fake", FAKE, "MIT")
    assert model.description == "acts by code; on fake"
    assert store.resolve("codeact-fake") == LocalName("fake", model.adapter.path)
    with pytest.raises(WeightsError, match=r"fake is not here yet .*; remedy: codeact models pull fake"):
        store.path("codeact-fake")
    with pytest.raises(WeightsError, match="known are codeact-fake, fake"):
        store.path("nothing")
    written(store.adapters / "stray" / "adapter.gguf", OF_FAKE | {"codeact.base_sha256": "0" * 64})
    with pytest.raises(WeightsError, match=r"adapter.gguf is for fake.gguf, which are not known by name"):
        store.adapted()


@pytest.mark.anyio
async def test_an_adapted_model_needs_its_base(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "file.gguf"
    file.write_bytes(DATA)
    with pytest.raises(UsageError, match="'codeact-fake' is the name of an adapted model"):
        await store.add(file, "codeact-fake")
    await store.add(file, "fake")
    assert store.path("codeact-fake") == await store.pull("codeact-fake") == store.path("fake")
    with pytest.raises(UsageError, match=r"'codeact-fake' has an adapter already, so it cannot take 'b.gguf' as well"):
        async with open_local("codeact-fake", store=store, adapter="b.gguf"):
            pass


def test_a_record_names_the_adapter_by_its_hash(store: Store, tmp_path: Path) -> None:
    path = written(tmp_path / "a.gguf", OF_FAKE)
    for spec, options in [(f"local:fake+{path}", {}), ("local:fake", {"adapter": str(path)})]:
        before = adapter_of(store, spec, options)
        assert before is not None
        written(path, OF_FAKE | {"codeact.seed": "2"})
        after = adapter_of(store, spec, options)
        assert after is not None
        assert after.sha256 != before.sha256
        written(path, OF_FAKE)
    assert adapter_of(store, "local:fake", {}) is None
    assert adapter_of(store, "openai:fake+x", {}) is None


@pytest.mark.anyio
async def test_an_adapter_that_was_replaced_since_it_was_planned_with_is_refused(tmp_path: Path) -> None:
    (tmp_path / "base.gguf").write_bytes(DATA)
    path = written(tmp_path / "adapter.gguf", OF_FAKE)
    planned = read_adapter(path).sha256
    written(path, {**OF_FAKE, "codeact.description": "another"})
    with pytest.raises(WeightsError, match=rf"was replaced after this was planned: .*, not {planned[:12]}…"):
        async with open_local(str(tmp_path / "base.gguf"), adapter=path, adapter_sha256=planned):
            pass


def test_a_record_that_is_not_the_stores_is_not_believed(store: Store, tmp_path: Path) -> None:
    for said in ("not JSON", f'{{"file": "base.gguf", "sha256": "{"0" * 64}"}}'):
        path = tmp_path / "elsewhere" / "base.gguf"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(DATA)
        (path.parent / "weights.json").write_text(said)
        assert store.fingerprint(path) == FAKE.sha256
