"""The discriminators of stage 2, which learn beside the decoder, and their losses for it."""

from __future__ import annotations

import torch
from torch import Tensor

from swc.config.training import DiscriminatorConfig
from swc.training.losses.discriminators import Discriminators, discriminator_loss, feature_matching, generator_loss
from swc.training.optimization import mixed_precision, optimizer_tensors, restore_optimizer, with_prefix

BETAS = (0.8, 0.9)


class Adversary:
    """Discriminators and their optimizer (AdamW, betas 0.8 and 0.9 as in DAC and SwitchCodec)."""

    def __init__(self, config: DiscriminatorConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.discriminators = Discriminators(config).to(device)
        self.optimizer = torch.optim.AdamW(
            self.discriminators.parameters(), config.learning_rate, betas=BETAS, fused=True
        )
        self._loss = torch.zeros((), device=device)  # when they last learned

    def compile(self) -> None:
        """Compile the discriminators with torch.compile."""
        for member in self.discriminators.members:
            member.compile()

    def learn(self, real: Tensor, fake: Tensor, factor: float, step: int = 0) -> Tensor:
        """One step of the discriminators at `factor` times their learning rate, or none where it is not their turn.

        Args:
            real: recordings (B, samples).
            fake: decoded recordings (B, samples); gets no gradient.
            step: of the stage; they learn in those that are multiples of the config's `every`.

        Returns:
            Their loss when they last learned, scalar.
        """
        if step % self.config.every:
            return self._loss
        for group in self.optimizer.param_groups:
            group["lr"] = factor * self.config.learning_rate
        features_real, features_fake = self._features(real, fake.detach())
        loss = discriminator_loss(features_real, features_fake)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.discriminators.parameters(), 10.0)
        self.optimizer.step()
        self._loss = loss.detach()
        return self._loss

    def judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Adversarial loss and feature matching (scalars) of `fake`, with gradients to it alone."""
        self.discriminators.requires_grad_(False)
        features_real, features_fake = self._features(real, fake)
        self.discriminators.requires_grad_(True)
        return generator_loss(features_fake), feature_matching(features_real, features_fake)

    def state(self) -> dict[str, Tensor]:
        """Discriminators and optimizer as named tensors, for a checkpoint."""
        networks = {f"discriminators.{n}": v for n, v in self.discriminators.state_dict().items()}
        return networks | optimizer_tensors(self.optimizer, "adversary")

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take what `state` returned, among other tensors; raises KeyError or RuntimeError if it does not fit."""
        self.discriminators.load_state_dict(with_prefix(state, "discriminators."))
        restore_optimizer(self.optimizer, state, "adversary")

    def _features(self, real: Tensor, fake: Tensor) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
        with mixed_precision(self.device):
            features = self.discriminators(torch.cat((real, fake)))
        n = len(real)
        return [[f[:n] for f in maps] for maps in features], [[f[n:] for f in maps] for maps in features]
