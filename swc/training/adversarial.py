"""The adversarial part of stage 2: discriminators that learn beside the decoder, and what they tell it."""

from __future__ import annotations

import torch
from torch import Tensor

from swc.config import DiscriminatorConfig
from swc.training.discriminators import Discriminators, discriminator_loss, feature_matching, generator_loss

BETAS = (0.8, 0.9)


class Adversary:
    """Discriminators and their optimizer (AdamW, betas 0.8 and 0.9 as in DAC and SwitchCodec)."""

    def __init__(self, config: DiscriminatorConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.judges = Discriminators(config).to(device)
        self.optimizer = torch.optim.AdamW(self.judges.parameters(), config.learning_rate, betas=BETAS, fused=True)

    def compile(self) -> None:
        """Compile the discriminators with torch.compile."""
        for member in self.judges.members:
            member.compile()

    def learn(self, real: Tensor, fake: Tensor, factor: float) -> Tensor:
        """One step of the discriminators at `factor` times their learning rate.

        Args:
            real: recordings (B, samples).
            fake: what the codec made of them (B, samples); gets no gradient.

        Returns:
            Their loss, scalar.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = factor * self.config.learning_rate
        heard_real, heard_fake = self._hear(real, fake.detach())
        loss = discriminator_loss(heard_real, heard_fake)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.judges.parameters(), 10.0)
        self.optimizer.step()
        return loss.detach()

    def judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Adversarial loss and feature matching (scalars) of `fake`, with gradients to it alone."""
        self.judges.requires_grad_(False)
        heard_real, heard_fake = self._hear(real, fake)
        self.judges.requires_grad_(True)
        return generator_loss(heard_fake), feature_matching(heard_real, heard_fake)

    def _hear(self, real: Tensor, fake: Tensor) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
        with torch.autocast(self.device.type, torch.bfloat16):
            heard = self.judges(torch.cat((real, fake)))
        n = len(real)
        return [[f[:n] for f in maps] for maps in heard], [[f[n:] for f in maps] for maps in heard]
