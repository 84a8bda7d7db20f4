// The browser's side of `livegen.v1`: one ES module, no build step. docs/web.md describes the protocol.

/**
 * @typedef {object} LiveOptions
 * @property {string} [token] sent in the first message, never in the URL
 * @property {boolean} [microphone] false to type and listen only
 * @property {string} [microphoneId] a deviceId; else the system's default
 * @property {boolean} [pushToTalk] send the microphone only between `talk(true)` and `talk(false)`
 * @property {boolean} [activity] mark speech by hand, where the model's own detection is disabled
 * @property {Record<string, unknown>} [settings] for the application
 */

/** @typedef {"idle" | "starting" | "open" | "reconnecting" | "closed"} LiveState */

const PROTOCOL = "livegen.v1";
const HEAD_BYTES = 8;
const MAX_BUFFERED = 256 * 1024; // bytes that the socket may hold back before sound is dropped
/** @type {Record<string, string>} */
const WORDS = {
  NotAllowedError:
    "The microphone is not allowed. Click the icon left of the address, allow the microphone, and start again; or type.",
  NotFoundError: "There is no microphone. Plug one in and start again; or type.",
  NotReadableError: "Another program uses the microphone. Close it and start again; or type.",
  OverconstrainedError: "That microphone is gone. Choose another one.",
  SecurityError: "A page needs https:// or localhost to use the microphone.",
};
const CAMERA = /** @param {string} words */ (words) => words.replaceAll("microphone", "camera").replace("; or type", "");

/** A failure, in words for people, with a code for programs. */
export class LiveError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/**
 * A voice conversation. Events, each a CustomEvent whose `detail` is the message of the protocol: all of its types (`transcript`,
 * `interrupted`, `turn_complete`, ...), `message` for each of them, `state`, `microphone` and `speaker` with levels, `error`.
 */
export class LiveClient extends EventTarget {
  /** @param {string | URL} url of the relay's `/live` @param {LiveOptions} [options] */
  constructor(url, options = {}) {
    super();
    this.url = new URL(url, location.href);
    this.url.protocol = this.url.protocol.replace("http", "ws");
    this.options = options;
    /** @type {LiveState} */ this.state = "idle";
    /** @type {AudioContext | null} */ this.context = null;
    /** @type {AudioWorkletNode | null} */ this.playback = null;
    /** @type {MediaStream | null} */ this.microphone = null;
    /** @type {AudioNode[]} */ this.captureNodes = [];
    /** @type {WebSocket | null} */ this.socket = null;
    /** @type {MediaStream | null} */ this.video = null;
    this.isMuted = false;
    this.isTalking = false;
    this.epoch = 0;
    this.received = 0;
    this.heard = { epoch: 0, samples: 0 };
    this.resumeId = "";
    this.resumeSeconds = 0;
    this.timer = 0;
    this.videoTimer = 0;
  }

  /** Start. Call it inside of a click: browsers let no page sound before one. */
  async start() {
    if (this.state === "starting" || this.state === "open" || this.state === "reconnecting") return;
    // Before any await: Safari unlocks a context only inside the gesture itself.
    const context = new AudioContext({ latencyHint: "interactive" });
    this.context = context;
    const silence = context.createBufferSource();
    silence.buffer = context.createBuffer(1, 1, context.sampleRate);
    silence.connect(context.destination);
    silence.start();
    const resumed = context.resume();
    this.setState("starting");
    this.resumeId = "";
    try {
      await Promise.all([resumed, context.audioWorklet.addModule(new URL("./livegen-worklets.js", import.meta.url))]);
      this.openSpeaker(context);
      if (this.options.microphone !== false) await this.openMicrophone().catch((error) => this.fail(error));
      await this.connect();
    } catch (error) {
      this.stop();
      throw error;
    }
    context.onstatechange = () => this.watchContext(context);
    document.addEventListener("visibilitychange", this.wake);
    window.addEventListener("online", this.wake);
    this.timer = window.setInterval(() => this.acknowledge(), 250);
  }

  /** End the conversation, and release the microphone. */
  stop() {
    this.sendJson({ type: "end" });
    this.setState("closed");
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.wake);
    window.removeEventListener("online", this.wake);
    this.stopVideo();
    this.closeMicrophone();
    this.socket?.close(1000);
    this.socket = null;
    void this.context?.close().catch(() => undefined);
    this.context = null;
  }

  /** Send typed text, as a turn. @param {string} text */
  send(text) {
    this.sendJson({ type: "text", text });
  }

  /** Send a picture: JPEG, PNG or WebP. @param {Blob} blob */
  async sendImage(blob) {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    let binary = "";
    for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
    this.sendJson({ type: "image", data: btoa(binary), mime_type: blob.type });
  }

  /** Silence the microphone, or open it again. @param {boolean} isMuted */
  mute(isMuted) {
    this.isMuted = isMuted;
  }

  /** Begin or end to speak, in push to talk. @param {boolean} isTalking */
  talk(isTalking) {
    if (this.isTalking === isTalking) return;
    this.isTalking = isTalking;
    if (this.options.activity) this.sendJson({ type: "activity", active: isTalking });
  }

  /** The microphones and loudspeakers; they have names once the microphone is allowed. */
  async devices() {
    const all = await navigator.mediaDevices.enumerateDevices();
    return {
      microphones: all.filter((one) => one.kind === "audioinput"),
      speakers: all.filter((one) => one.kind === "audiooutput"),
    };
  }

  /** Use another microphone. @param {string} id */
  async setMicrophone(id) {
    this.options.microphoneId = id;
    this.closeMicrophone();
    await this.openMicrophone();
  }

  /** Use another loudspeaker. Not in Safari and Firefox, which choose it themselves. @param {string} id */
  async setSpeaker(id) {
    const context = /** @type {{setSinkId?: (id: string) => Promise<void>}} */ (/** @type {unknown} */ (this.context));
    if (!context?.setSinkId) throw new LiveError("speaker", "Choose the loudspeaker in the system's settings.");
    await context.setSinkId(id);
  }

  /** Show the camera, or the screen, to the model: a frame a second. @param {"camera" | "screen"} source */
  async startVideo(source) {
    this.stopVideo();
    const media = navigator.mediaDevices;
    try {
      this.video =
        source === "screen"
          ? await media.getDisplayMedia({ video: true })
          : await media.getUserMedia({ video: { width: 768 } });
    } catch (error) {
      throw inWords(error, CAMERA);
    }
    const element = document.createElement("video");
    element.muted = element.playsInline = true;
    element.srcObject = this.video;
    await element.play();
    const canvas = document.createElement("canvas");
    this.videoTimer = window.setInterval(() => this.sendFrame(element, canvas), 1000);
    this.video.getVideoTracks()[0].onended = () => this.stopVideo();
    return this.video;
  }

  stopVideo() {
    clearInterval(this.videoTimer);
    this.video?.getTracks().forEach((track) => track.stop());
    this.video = null;
  }

  /** @param {HTMLVideoElement} element @param {HTMLCanvasElement} canvas */
  sendFrame(element, canvas) {
    if (!element.videoWidth || (this.socket?.bufferedAmount ?? 0) > MAX_BUFFERED) return;
    const scale = Math.min(1, 768 / element.videoWidth);
    canvas.width = element.videoWidth * scale;
    canvas.height = element.videoHeight * scale;
    canvas.getContext("2d")?.drawImage(element, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => blob && void this.sendImage(blob), "image/jpeg", 0.75);
  }

  /** @param {AudioContext} context */
  openSpeaker(context) {
    this.playback = new AudioWorkletNode(context, "livegen-playback", { numberOfInputs: 0, outputChannelCount: [1] });
    this.playback.connect(context.destination);
    this.playback.port.onmessage = ({ data }) => {
      // What is on its way through the device has not been heard yet.
      const pending = Math.round((context.outputLatency || 0) * 24000);
      this.heard = { epoch: data.epoch, samples: Math.max(0, data.samples - (data.isPlaying ? pending : 0)) };
      this.emit("speaker", data);
    };
  }

  async openMicrophone() {
    if (!navigator.mediaDevices) throw new LiveError("SecurityError", WORDS.SecurityError);
    const { context } = this;
    if (!context) return;
    const deviceId = this.options.microphoneId ? { exact: this.options.microphoneId } : undefined;
    /** @param {unknown} echoCancellation */
    const open = (echoCancellation) =>
      navigator.mediaDevices.getUserMedia({
        audio: /** @type {MediaTrackConstraints} */ ({
          deviceId,
          echoCancellation,
          channelCount: 1,
          noiseSuppression: true,
          autoGainControl: true,
        }),
      });
    try {
      // "all" cancels what the page plays by Web Audio too; older browsers throw at the word.
      this.microphone = await open({ ideal: "all" }).catch((error) => {
        if (error instanceof TypeError) return open(true);
        throw error;
      });
    } catch (error) {
      throw inWords(error, (words) => words);
    }
    const source = context.createMediaStreamSource(this.microphone);
    const capture = new AudioWorkletNode(context, "livegen-capture", { numberOfOutputs: 0 });
    capture.port.onmessage = ({ data }) => this.sendSound(data);
    source.connect(capture);
    this.captureNodes = [source, capture];
    const [track] = this.microphone.getAudioTracks();
    track.onended = () => this.fail(new LiveError("microphone", "The microphone was unplugged. Choose another one."));
  }

  closeMicrophone() {
    this.captureNodes.forEach((node) => node.disconnect());
    this.captureNodes = [];
    this.microphone?.getTracks().forEach((track) => track.stop());
    this.microphone = null;
  }

  /** @param {{pcm: ArrayBuffer, level: number}} chunk */
  sendSound({ pcm, level }) {
    const isSilent = this.isMuted || (this.options.pushToTalk && !this.isTalking);
    this.emit("microphone", { level: isSilent ? 0 : level });
    const { socket } = this;
    if (this.state !== "open" || !socket || socket.bufferedAmount > MAX_BUFFERED) return;
    if (isSilent && this.options.activity) return;
    socket.send(isSilent ? new ArrayBuffer(pcm.byteLength) : pcm); // silence lets the server hear the end of speech
  }

  /** Connect, and wait for `ready`. @returns {Promise<void>} */
  connect() {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(this.url, PROTOCOL);
      socket.binaryType = "arraybuffer";
      this.socket = socket;
      let failure = new LiveError("unreachable", "The server can't be reached. See that it runs, and start again.");
      socket.onopen = () => {
        const { token, settings = {} } = this.options;
        const resume = this.resumeId ? { resume: this.resumeId, received: this.received } : {};
        this.sendJson({ type: "start", token, settings, ...resume });
      };
      socket.onmessage = ({ data }) => {
        if (socket !== this.socket) return;
        if (typeof data !== "string") return this.play(data);
        const message = JSON.parse(data);
        if (message.type === "ready") {
          this.welcome(message);
          return resolve();
        }
        if (message.type === "error") failure = new LiveError(message.code, message.message);
        this.receive(message);
      };
      socket.onclose = ({ code }) => {
        reject(failure);
        if (socket === this.socket && this.state === "open") this.lose(code, failure);
      };
    });
  }

  /** @param {{resume: string, resume_seconds: number}} ready */
  welcome(ready) {
    if (ready.resume !== this.resumeId) {
      this.received = this.epoch = 0;
      this.playback?.port.postMessage({ flush: 0 });
    }
    this.resumeId = ready.resume;
    this.resumeSeconds = ready.resume_seconds;
    this.setState("open");
    this.emit("message", ready);
  }

  /** @param {Record<string, unknown> & {type: string}} message */
  receive(message) {
    this.received++;
    if (message.type === "interrupted") {
      this.epoch = Number(message.epoch);
      this.playback?.port.postMessage({ flush: this.epoch & 0xffff });
    } else if (message.type === "generation_complete" || message.type === "turn_complete") {
      this.playback?.port.postMessage({ complete: true });
    }
    this.emit("message", message);
    this.emit(message.type, message);
  }

  /** @param {ArrayBuffer} data */
  play(data) {
    this.received++;
    const head = new DataView(data);
    const pcm = new Int16Array(data, HEAD_BYTES);
    if (head.getUint8(0) !== 1) return;
    const epoch = head.getUint16(2, true);
    this.emit("sound", { epoch, first: head.getUint32(4, true), pcm });
    this.playback?.port.postMessage({ epoch, pcm });
  }

  acknowledge() {
    if (this.state === "open") this.sendJson({ type: "played", received: this.received, ...this.heard });
  }

  /** Come back after a lost connection. @param {number} code @param {LiveError} failure */
  async lose(code, failure) {
    if (code === 1000 || code === 1008) {
      this.stop();
      if (code === 1008) this.fail(failure);
      return;
    }
    this.setState("reconnecting");
    const deadline = performance.now() + 1000 * this.resumeSeconds;
    for (let delay = 200; this.state === "reconnecting"; delay = Math.min(2 * delay, 3000)) {
      await new Promise((resolve) => setTimeout(resolve, delay * (0.5 + Math.random())));
      try {
        return await this.connect();
      } catch (error) {
        const isOver = error instanceof LiveError && error.code !== "unreachable";
        if (!isOver && performance.now() < deadline) continue;
        this.stop();
        this.fail(error);
      }
    }
  }

  /** @param {AudioContext} context */
  watchContext(context) {
    // iOS: `interrupted` is a telephone call; it ends by itself.
    if (context.state === "suspended" && this.state === "open") {
      this.fail(new LiveError("suspended", "The browser has paused the sound. Tap anywhere to go on."));
      document.addEventListener("pointerdown", () => void context.resume(), { once: true });
    }
  }

  wake = () => {
    if (document.visibilityState === "visible") void this.context?.resume();
  };

  /** @param {object} message */
  sendJson(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  /** @param {LiveState} state */
  setState(state) {
    if (state === this.state) return;
    this.state = state;
    this.emit("state", { state });
  }

  /** @param {unknown} error */
  fail(error) {
    const { code, message } = error instanceof LiveError ? error : new LiveError("unexpected", String(error));
    this.emit("error", { type: "error", code, message });
  }

  /** @param {string} name @param {object} detail */
  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** @param {unknown} error @param {(words: string) => string} adapt */
function inWords(error, adapt) {
  const name = error instanceof DOMException ? error.name : "";
  return new LiveError(name || "media", adapt(WORDS[name] ?? `The microphone can't be opened: ${error}`));
}
