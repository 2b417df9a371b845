"""Groups of runs that are coded together get the codes that each gets by itself, to the bit."""

from __future__ import annotations

import pytest
import torch
from nn_samples import revq
from torch import Tensor

from swc.nn.layers.rows import by_group

pytestmark = pytest.mark.usefixtures("each_way")
D, WINDOW = 128, 6


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_products_round_as_each_group_does_alone() -> None:
    table, counts = numbers(D, 1024), [1, 1, 3, 0, 40, 9, 100, 2]
    x = numbers(sum(counts), D, seed=1)

    def product(rows: Tensor) -> Tensor:
        return rows @ table

    alone = torch.cat([product(part) for part in torch.split(x, counts)])
    assert torch.equal(by_group(product, x, counts), alone)
    assert torch.equal(by_group(product, x, None), product(x))


def test_groups_of_many_rows_are_one_product() -> None:
    sizes: list[int] = []

    def product(rows: Tensor) -> Tensor:
        sizes.append(len(rows))
        return rows

    by_group(product, numbers(141, D), [20, 30, 2, 0, 1, 8, 80])
    assert sizes == [50, 2, 1, 88]


@pytest.mark.parametrize("predictive", [False, True])
@pytest.mark.parametrize("effort", [0, 1, 2])
def test_groups_are_coded_as_by_themselves(predictive: bool, effort: int) -> None:
    q = revq(D, routed=5, codebook_bits=6, predictive=predictive).eval()
    for index, book in enumerate(q.books()):
        book.code.copy_(numbers(*book.code.shape, seed=index) / (1 + index))
    shapes = [(1, 13), (2, 24), (1, 1), (20, 24), (1, 6), (1, 13), (3, 7)]
    runs = [numbers(B, L, D, seed=20 + i) for i, (B, L) in enumerate(shapes)]
    grants = [torch.arange(B * -(-L // WINDOW)).reshape(B, -1) % 6 for B, L in shapes]
    together = q.code(q.choose(runs, grants, WINDOW, effort), WINDOW, effort)
    for z, k, codes in zip(runs, grants, together, strict=True):
        assert torch.equal(codes, q.encode(z, k, WINDOW, effort))
        windows = torch.split(codes[:, 1:], WINDOW, 2)
        assert torch.equal(torch.stack([(w >= 0).all(2).sum(1) for w in windows], 1), k)
    (alone,) = q.code(q.choose(runs[3:4], grants[3:4], WINDOW, effort), WINDOW, effort)
    assert torch.equal(alone, together[3])
