"""The search in C finds the codes that the one with tensors finds."""

from __future__ import annotations

import copy

import pytest
import torch
from nn_samples import revq
from torch import Tensor

from swc import native
from swc.config import ConvConfig, ModelConfig, RevqConfig
from swc.nn.quantizers import native_search
from swc.nn.quantizers.beam import beam_codes, codes_in_turn
from swc.nn.quantizers.codebook import Codebook
from swc.nn.quantizers.prediction import Predictor
from swc.nn.quantizers.revq import Revq
from swc.nn.quantizers.runs import Runs
from swc.nn.quantizers.search import greedy_mask

pytestmark = pytest.mark.skipif(native.compiled() is None, reason="needs a C compiler: python hatch_build.py")


@pytest.fixture(autouse=True, params=["bytes", "floats"])
def first(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test runs with what this processor's search begins with, and with floats alone."""
    if request.param == "floats":
        monkeypatch.setattr(native_search, "multiplies_bytes", lambda: False)
    elif not native_search.multiplies_bytes():
        pytest.skip("this processor does not multiply bytes")


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def books(count: int, size: int, dim: int) -> list[Codebook]:
    made = [Codebook(size, dim).eval() for _ in range(count)]
    for i, book in enumerate(made):
        book.code.copy_(numbers(size, dim, seed=i) * 0.9**i)
    return made


def with_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "serves", lambda z: False)


@pytest.mark.parametrize("size", [2, 31, 32, 33, 100])
@pytest.mark.parametrize("dim", [1, 6, 64])
@pytest.mark.parametrize("width", [1, 3, 16, 64])
def test_codes_are_those_of_the_search_with_tensors(
    size: int, dim: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = books(6, size, dim)
    z, mask = numbers(7, 5, dim, seed=50), numbers(7, 5, seed=51) > 0
    found = beam_codes(some, z, mask, width)
    with_tensors(monkeypatch)
    assert torch.equal(found, beam_codes(some, z, mask, width))


@pytest.mark.parametrize("width", [1, 16])
def test_runs_of_any_length_are_coded_as_with_tensors(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dim, window = 32, 4
    some, predictor = books(5, 64, dim), Predictor(dim).requires_grad_(False)
    lengths = [11, 11, 10, 9, 8, 4, 3, 1, 1]  # more than are searched side by side
    runs = Runs(
        [numbers(1, n, dim, seed=20 + n) for n in lengths],
        [torch.zeros(1, -(-n // window), dtype=torch.int64) for n in lengths],
    )
    mask = numbers(len(lengths), 3, 4, seed=3) > 0
    found = codes_in_turn(some, predictor, runs, mask, window, width)
    assert [int((row >= 0).sum()) for row in found[:, 0]] == lengths
    with_tensors(monkeypatch)
    assert torch.equal(found, codes_in_turn(some, predictor, runs, mask, window, width))


@pytest.mark.parametrize("latents", [1, 3, 8, 9, 22])
def test_experts_are_those_of_the_search_with_tensors(latents: int, monkeypatch: pytest.MonkeyPatch) -> None:
    some, z = books(7, 40, 16), numbers(9, latents, 16, seed=60)
    k = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7, 7])
    found = greedy_mask(some, z, k)
    assert found.sum(1).tolist() == k.tolist()
    with_tensors(monkeypatch)
    assert torch.equal(found, greedy_mask(some, z, k))


@pytest.mark.parametrize("effort", [0, 1])
def test_codebooks_that_compare_directions_are_searched_as_with_tensors(
    effort: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    sizes = RevqConfig(shared=1, routed=5, codebook_bits=5, codebook_dim=3)
    q = Revq(ModelConfig("test", ConvConfig(latent_dim=16), sizes)).eval().requires_grad_(False)
    z, k = numbers(3, 40, 16), torch.full((3, 4), 2)
    found = q.encode(z, k, 10, effort)
    with_tensors(monkeypatch)
    assert torch.equal(found, q.encode(z, k, 10, effort))


def hard(kind: str) -> tuple[list[Codebook], Tensor]:
    """Codebooks and windows of latents that rounding to bytes could mislead."""
    some, z = books(4, 70, 24), numbers(5, 6, 24, seed=70)
    for i, book in enumerate(some):
        outliers = numbers(70, 24, seed=80 + i)
        if kind == "one large number":
            book.code[:, i] *= 1e4
        elif kind == "equal":
            book.code.copy_(book.code[:1].expand(70, -1))
        elif kind == "almost equal":
            book.code.copy_(book.code[:1] + 1e-6 * outliers)
        elif kind == "zero":
            book.code[::2] = 0
        elif kind == "tiny":
            book.code.mul_(1e-18)
        elif kind == "of any size":
            book.code.mul_(10 ** (4 * outliers[:, :1]))
    scales = {"tiny": 1e-18, "vectors of any size": 10 ** (4 * numbers(5, 6, 1, seed=71)), "zero": numbers(5, 6, 1) > 0}
    z = z * scales.get(kind, 1)
    if kind == "almost equal":
        z[..., 1:] *= 1e-7
    return some, z


KINDS = ["one large number", "equal", "almost equal", "zero", "tiny", "of any size", "vectors of any size"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [1, 16])
def test_rounding_to_bytes_changes_nothing(kind: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    some, z = hard(kind)
    k = torch.tensor([0, 1, 2, 2, 1])
    mask = greedy_mask(some[1:], z, k)
    codes = beam_codes(some, z, mask, width)
    monkeypatch.setattr(native_search, "multiplies_bytes", lambda: False)
    alike, same = hard(kind)
    assert torch.equal(mask, greedy_mask(alike[1:], same, k))
    assert torch.equal(codes, beam_codes(alike, same, mask, width))


def test_a_codebook_that_has_learned_is_packed_again() -> None:
    (book,) = books(1, 16, 4)
    z = numbers(1, 8, 4)
    before = beam_codes([book], z, torch.zeros(1, 0, dtype=torch.bool), 1)
    book.code.copy_(book.code.flip(0))
    assert torch.equal(beam_codes([book], z, torch.zeros(1, 0, dtype=torch.bool), 1), 15 - before)


def test_a_copy_of_a_codebook_in_use_is_searched_by_itself() -> None:
    (book,) = books(1, 16, 4)
    z, none = numbers(1, 8, 4), torch.zeros(1, 0, dtype=torch.bool)
    before = beam_codes([book], z, none, 1)
    twin = copy.deepcopy(book)
    book.code.zero_()
    del book
    assert torch.equal(beam_codes([twin], z, none, 1), before)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e38])
def test_numbers_that_have_no_nearest_code_get_some_code(value: float) -> None:
    q = revq(4, routed=3, codebook_bits=3, predictive=True).eval()
    codes = q.encode(torch.full((2, 9, 4), value), torch.ones(2, 3, dtype=torch.int64), 3, 1)
    assert int(codes.min()) >= -1
    assert int(codes.max()) < 8


@pytest.mark.parametrize("shape", [(0, 5, 4), (3, 0, 4)])
def test_nothing_has_no_codes(shape: tuple[int, int, int]) -> None:
    some, mask = books(3, 8, 4), torch.ones(shape[0], 2, dtype=torch.bool)
    assert beam_codes(some, torch.zeros(shape), mask, 4).shape == (shape[0], 3, shape[1])
    assert greedy_mask(some, torch.zeros(shape), torch.ones(shape[0], dtype=torch.int64)).shape == (shape[0], 3)
