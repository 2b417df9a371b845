// All versions start together; their gains decide which one is audible.

const FADE = 0.003; // seconds; time constant of an exponential fade, which 10 ms complete to 96 %
const AHEAD = 0.02; // seconds by which changes are scheduled ahead, so that they reach all versions at the same sample
const LEAST_LOOP = 0.05; // seconds

/** A context of the audio's own rate, so that nothing is resampled, where the browser has it. */
function makeContext(rate) {
  try {
    return new AudioContext({ sampleRate: rate });
  } catch {
    return new AudioContext();
  }
}

/** Buffers of audio from base64. */
async function decodeAll(texts, rate) {
  let decoder;
  try {
    decoder = new OfflineAudioContext(1, 1, rate);
  } catch {
    decoder = new OfflineAudioContext(1, 1, 48000);
  }
  return Promise.all(
    texts.map((text) => decoder.decodeAudioData(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer)),
  );
}

class Player {
  /** @param changed is called whenever playing starts or ends. */
  constructor(buffers, rate, changed) {
    this.buffers = buffers;
    this.rate = rate;
    this.duration = buffers[0].duration;
    this.current = 0;
    this.factors = buffers.map(() => 1);
    this.loop = null; // {start, stop} in seconds
    this.changed = changed;
    this.context = null; // made on the first gesture, as browsers require
    this.take = null; // the playing nodes: {sources, gains, output, offset, when}
    this.offset = 0; // where to continue
  }

  get playing() {
    return this.take !== null;
  }

  /** Seconds into the audio. */
  get position() {
    if (!this.take) return this.offset;
    const at = this.take.offset + Math.max(0, this.context.currentTime - this.take.when);
    if (!this.loop || at < this.loop.stop) return Math.min(at, this.duration);
    return this.loop.start + ((at - this.loop.start) % (this.loop.stop - this.loop.start));
  }

  async play() {
    this.context ??= makeContext(this.rate);
    await this.context.resume();
    if (!this.take) this.start(this.offset);
    this.changed();
  }

  pause() {
    this.offset = this.position;
    this.stop();
    this.changed();
  }

  seek(seconds) {
    const at = Math.max(0, Math.min(seconds, this.duration));
    if (this.take) this.start(at);
    else this.offset = this.loop && this.outside(at) ? this.loop.start : at;
  }

  /** Hear another version, at the same place. */
  select(index) {
    this.current = index;
    this.fade();
  }

  /** Factors for the samples of every version. */
  scale(factors) {
    this.factors = factors;
    this.fade();
  }

  /** Repeat a part, {start, stop} in seconds; null plays on to the end. */
  repeat(loop) {
    const at = this.position;
    this.loop = loop && { start: this.whole(loop.start), stop: this.whole(loop.stop) };
    this.seek(at);
  }

  close() {
    this.stop();
    this.context?.close();
  }

  /** The time of a whole sample: between two, the browser would interpolate, and dull the sound. */
  whole(seconds) {
    const { sampleRate } = this.buffers[0];
    return Math.round(seconds * sampleRate) / sampleRate;
  }

  outside(seconds) {
    return this.loop ? seconds < this.loop.start || seconds >= this.loop.stop : seconds >= this.duration;
  }

  gainOf(index) {
    return index === this.current ? this.factors[index] : 0;
  }

  fade() {
    const when = this.context ? this.context.currentTime + AHEAD : 0;
    this.take?.gains.forEach((gain, index) => gain.gain.setTargetAtTime(this.gainOf(index), when, FADE));
  }

  start(seconds) {
    this.stop();
    const { context, loop } = this;
    const offset = this.outside(seconds) ? (loop?.start ?? 0) : this.whole(seconds);
    const when = Math.ceil((context.currentTime + AHEAD) * context.sampleRate) / context.sampleRate;
    const output = new GainNode(context, { gain: 0 });
    output.gain.setTargetAtTime(1, when, FADE);
    output.connect(context.destination);
    const gains = this.buffers.map((_, index) => new GainNode(context, { gain: this.gainOf(index) }));
    const sources = this.buffers.map((buffer, index) => {
      const source = new AudioBufferSourceNode(context, { buffer });
      if (loop) Object.assign(source, { loop: true, loopStart: loop.start, loopEnd: loop.stop });
      source.connect(gains[index]).connect(output);
      source.start(when, offset);
      return source;
    });
    const take = { sources, gains, output, offset, when };
    sources[0].onended = () => this.ended(take);
    this.take = take;
  }

  stop() {
    if (!this.take) return;
    const when = this.context.currentTime + AHEAD;
    this.take.output.gain.setTargetAtTime(0, when, FADE);
    for (const source of this.take.sources) source.stop(when + 10 * FADE);
    this.take = null;
  }

  ended(take) {
    take.output.disconnect();
    if (this.take !== take) return;
    this.take = null;
    this.offset = 0;
    this.changed();
  }
}
