// @ts-nocheck - runs in an AudioWorkletGlobalScope, which lib.dom doesn't describe

/** Windowed-sinc polyphase resampler for mono sound; its state goes across blocks. */
class Resampler {
  /** @param {number} from @param {number} to rates in Hz */
  constructor(from, to) {
    const divisor = gcd(from, to);
    this.up = to / divisor;
    this.down = from / divisor;
    const stretch = Math.max(1, this.down / this.up); // the low-pass is below half of the lower rate
    this.taps = 2 * Math.ceil(12 * stretch);
    this.phases = [];
    for (let phase = 0; phase < this.up; phase++) this.phases.push(this.coefficients(phase / this.up, stretch));
    this.history = new Float32Array(2 * this.taps); // written twice, so that a window never wraps
    this.at = 0;
    this.phase = 0;
  }

  coefficients(offset, stretch) {
    const row = new Float32Array(this.taps);
    const half = this.taps / 2;
    let sum = 0;
    for (let tap = 0; tap < this.taps; tap++) {
      const distance = tap - half + 1 - offset;
      const x = (Math.PI * 0.92 * distance) / stretch;
      const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / (half + 1));
      row[tap] = (x === 0 ? 1 : Math.sin(x) / x) * window;
      sum += row[tap];
    }
    return row.map((value) => value / sum);
  }

  push(sample) {
    this.history[this.at] = this.history[this.at + this.taps] = sample;
    this.at = (this.at + 1) % this.taps;
  }

  output() {
    const row = this.phases[this.phase];
    let sum = 0;
    for (let tap = 0; tap < this.taps; tap++) sum += row[tap] * this.history[this.at + tap];
    return sum;
  }
}

const gcd = (a, b) => (b ? gcd(b, a % b) : a);

/** Microphone at the device's rate in; Int16 at 16 kHz out, 20 ms a message, with its level. */
class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, 16000);
    this.chunk = new Int16Array(320);
    this.filled = 0;
    this.energy = 0;
  }

  process([input]) {
    const samples = input[0];
    if (!samples) return true;
    const { resampler } = this;
    for (const sample of samples) {
      resampler.push(sample);
      resampler.phase -= resampler.up;
      while (resampler.phase < 0) {
        // The position lies between samples: its phase is how far.
        const position = resampler.phase + resampler.up;
        resampler.phase += resampler.down;
        const row = resampler.phases[position];
        let value = 0;
        for (let tap = 0; tap < resampler.taps; tap++) value += row[tap] * resampler.history[resampler.at + tap];
        this.put(value);
      }
    }
    return true;
  }

  put(value) {
    this.energy += value * value;
    this.chunk[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(value * 32767)));
    if (this.filled < this.chunk.length) return;
    const level = Math.sqrt(this.energy / this.filled);
    this.port.postMessage({ pcm: this.chunk.buffer, level }, [this.chunk.buffer]);
    this.chunk = new Int16Array(320);
    this.filled = this.energy = 0;
  }
}

/** Sound at 24 kHz in, by epoch; played at the device's rate from a queue of 60 to 150 ms at least. */
class Playback extends AudioWorkletProcessor {
  constructor() {
    super();
    this.target = 0.06;
    this.sinceUnderrun = 0;
    this.underruns = 0;
    this.epoch = 0;
    this.fade = Math.round(sampleRate * 0.003);
    this.reset();
    this.port.onmessage = ({ data }) => this.receive(data);
  }

  reset() {
    this.resampler = new Resampler(24000, sampleRate);
    this.queue = [];
    this.head = 0;
    this.queued = 0;
    this.samples = 0;
    this.isPlaying = this.isComplete = false;
    this.waited = 0;
    this.fadeIn = 0;
  }

  receive(message) {
    if (message.flush !== undefined) {
      this.epoch = message.flush;
      this.reset();
      this.report();
    } else if (message.complete) {
      this.isComplete = true;
    } else if (message.epoch === this.epoch) {
      this.isComplete = false;
      this.queue.push(message.pcm);
      this.queued += message.pcm.length;
    }
  }

  next() {
    const chunk = this.queue[0];
    if (!chunk) return null;
    const sample = chunk[this.head++] / 32768;
    if (this.head === chunk.length) {
      this.queue.shift();
      this.head = 0;
    }
    this.queued--;
    this.samples++;
    return sample;
  }

  /** One sample of the device's rate; null where the queue is empty. */
  sample() {
    const { resampler } = this;
    while (resampler.phase >= resampler.up) {
      const next = this.next();
      if (next === null) return null;
      resampler.push(next);
      resampler.phase -= resampler.up;
    }
    const value = resampler.output();
    resampler.phase += resampler.down;
    return value;
  }

  process(_inputs, [output]) {
    const out = output[0];
    this.waited += out.length / sampleRate;
    if (!this.isPlaying && this.queued) {
      const isEnough = this.queued >= this.target * 24000 || this.isComplete || this.waited > 0.3;
      if (isEnough) {
        this.isPlaying = true;
        this.fadeIn = 0;
      }
    } else if (!this.isPlaying) {
      this.waited = 0;
    }
    let energy = 0;
    for (let i = 0; i < out.length; i++) {
      let value = this.isPlaying ? this.sample() : null;
      if (value === null) {
        if (this.isPlaying) this.underrun();
        value = this.tail();
      } else {
        if (this.fadeIn < this.fade) value *= this.fadeIn++ / this.fade;
        this.last = value;
        this.fadeOut = this.fade;
      }
      out[i] = value;
      energy += value * value;
    }
    this.level = Math.sqrt(energy / out.length);
    this.count(out.length);
    return true;
  }

  /** The last sample, faded to nothing: silence without a click. */
  tail() {
    if (!this.fadeOut) return 0;
    return (this.last * --this.fadeOut) / this.fade;
  }

  underrun() {
    this.isPlaying = false;
    this.waited = 0;
    if (this.isComplete) return;
    this.underruns++;
    this.sinceUnderrun = 0;
    this.target = Math.min(0.15, this.target + 0.02);
  }

  count(frames) {
    this.sinceUnderrun += frames / sampleRate;
    if (this.sinceUnderrun > 10) {
      this.target = Math.max(0.06, this.target - 0.01);
      this.sinceUnderrun = 0;
    }
    this.sinceReport = (this.sinceReport ?? 0) + frames;
    if (this.sinceReport >= sampleRate * 0.05) this.report();
  }

  report() {
    this.sinceReport = 0;
    const { epoch, samples, level, underruns, queued, isPlaying } = this;
    this.port.postMessage({ epoch, samples, level: level ?? 0, underruns, queued, isPlaying });
  }
}

registerProcessor("livegen-capture", Capture);
registerProcessor("livegen-playback", Playback);
