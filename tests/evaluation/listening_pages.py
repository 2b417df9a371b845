"""The listening page, opened in a browser that can record what it plays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

# What the page sends to the loudspeakers goes by way of a worklet, which copies it.
RECORDER = """
(() => {
  const { connect } = AudioNode.prototype, { resume } = AudioContext.prototype;
  const code = `registerProcessor("tap", class extends AudioWorkletProcessor {
    process([input], [output]) {
      input.forEach((channel, index) => output[index]?.set(channel));
      this.port.postMessage(input.length ? input[0].slice() : new Float32Array(128));
      return true;
    }
  });`;
  window.recorded = [];
  AudioContext.prototype.resume = async function () {
    if (!this.tap) {
      await this.audioWorklet.addModule("data:text/javascript," + encodeURIComponent(code));
      this.tap = new AudioWorkletNode(this, "tap");
      this.tap.port.onmessage = ({ data }) => window.recorded.push(...data);
      connect.call(this.tap, this.destination);
      window.context = this;
    }
    return resume.call(this);
  };
  AudioNode.prototype.connect = function (to, ...rest) {
    return connect.call(this, to === this.context.destination ? this.context.tap : to, ...rest);
  };
})();
"""


class Opened:
    """The page in a tab of its own, and what it complained of or asked for."""

    def __init__(self, browser: Any, path: Path, recorded: bool = False, **options: Any) -> None:
        self.context = browser.new_context(bypass_csp=recorded, **options)  # worklets are no part of the page
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        if recorded:
            self.page.add_init_script(RECORDER)
        self.page.goto(path.as_uri())
        self.wait_until_ready()
        self.requests.remove(path.as_uri())

    def wait_until_ready(self) -> None:
        self.expect_text("#status", "Ready")

    def expect_text(self, selector: str, text: str) -> None:
        from playwright.sync_api import expect

        expect(self.page.locator(selector)).to_have_text(text, timeout=30_000)

    def press(self, *keys: str, wait: int = 0) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.page.wait_for_timeout(wait)

    def titles(self) -> list[str]:
        return self.page.locator(".pick b").all_inner_texts()

    def chosen(self) -> list[str]:
        return self.page.locator(".pick[aria-pressed=true] kbd").all_inner_texts()

    def position(self) -> float:
        return float(self.page.locator("#position").input_value())

    def recorded(self) -> np.ndarray:
        return np.array(self.page.evaluate("window.recorded"), np.float32)


def gains(recorded: np.ndarray, original: np.ndarray, block: int = 220) -> tuple[np.ndarray, np.ndarray]:
    """By blocks of 5 ms: the factor between what was heard and the original, and the share that no factor explains."""
    heard = recorded[np.flatnonzero(recorded)[0] : np.flatnonzero(recorded)[-1]]
    lag = max(range(4), key=lambda lag: abs(heard[2000:4000] @ original[2000 + lag : 4000 + lag]))  # it is faded in
    original = original[lag:]
    count = min(len(heard), len(original)) // block
    x, y = original[: count * block].reshape(count, block), heard[: count * block].reshape(count, block)
    energy = (x * x).sum(1)
    factors = (x * y).sum(1) / energy
    return factors, np.sqrt(((y - factors[:, None] * x) ** 2).sum(1) / energy)
