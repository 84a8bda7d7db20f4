// The playground: a page on `livegen.js`, without a framework.
import { LiveClient, LiveError } from "./voice/livegen.js";

/** @typedef {Record<string, any>} Message */
/** @template {HTMLElement} T @param {string} id @param {new () => T} type @returns {T} */
const element = (id, type) => {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`no ${id}`);
  return found;
};
const button = /** @param {string} id */ (id) => element(id, HTMLButtonElement);
const input = /** @param {string} id */ (id) => element(id, HTMLInputElement);
const token = document.querySelector("meta[name=livegen-token]")?.getAttribute("content") ?? "";

const SPAN = 30; // seconds that the timeline shows
const LOUD = 0.02; // level from which on somebody speaks
const MAX_LOG = 2000;
const STATES = {
  idle: "ready when you are",
  starting: "starting…",
  open: "listening",
  reconnecting: "connection lost, coming back…",
  closed: "stopped",
};

/** @type {LiveClient | null} */ let live = null;
/** @type {{at: number, user: number, model: number}[]} */ let levels = [];
/** @type {{at: number, kind: string, text: string}[]} */ let marks = [];
/** @type {Message[]} */ let log = [];
let userLevel = 0;
let startedAt = 0;
let hasHeard = false;
let spokeAt = 0;
let firstEventAt = 0;
let tokens = 0;
let isAnswering = false;

/** The model's answer that is under way: fragments, and where each begins in the sound. */
/** @type {{epoch: number, node: HTMLElement, fragments: {text: string, sample: number}[], samples: number} | null} */
let answer = null;
/** @type {{who: string, node: HTMLElement} | null} */ let line = null;

/** @param {string} who @param {string} label @param {string} [testId] */
function addLine(who, label, testId) {
  document.getElementById("welcome")?.remove();
  const row = document.createElement("div");
  row.className = `line ${who}`;
  const name = document.createElement("span");
  name.className = "who";
  name.textContent = label;
  const text = document.createElement("p");
  if (testId) text.dataset.testid = testId;
  row.append(name, text);
  const list = element("transcript", HTMLElement);
  list.append(row);
  list.scrollTop = list.scrollHeight;
  return text;
}

/** @param {string} who @param {string} text */
function addText(who, text) {
  if (line?.who !== who) line = { who, node: addLine(who, who === "user" ? "you" : "model", `${who}-text`) };
  line.node.textContent += line.node.textContent ? text : text.trimStart();
  const list = element("transcript", HTMLElement);
  list.scrollTop = list.scrollHeight;
  return line.node;
}

/** Strike through what was not heard. */
function cutAnswer() {
  if (!answer || !live) return;
  const { fragments, node, samples } = answer;
  const heard = live.heard.epoch === (answer.epoch & 0xffff) ? live.heard.samples : 0;
  // Transcripts come ahead of the sound: a fragment's share of the text stands for its share of the sound.
  const length = fragments.reduce((sum, one) => sum + one.text.length, 0);
  const at = samples ? Math.round((length * Math.min(heard, samples)) / samples) : 0;
  const text = node.textContent ?? "";
  const end = at >= text.length ? text.length : Math.max(0, text.lastIndexOf(" ", at));
  const struck = document.createElement("s");
  struck.textContent = text.slice(end);
  const note = document.createElement("small");
  note.dataset.testid = "interrupted";
  note.textContent = "interrupted; what is struck through was not heard";
  node.replaceChildren(text.slice(0, end), struck, note);
  answer = null;
  line = null;
}

/** @type {Record<string, (message: Message) => void>} */
const handlers = {
  transcript({ who, text, epoch, sample }) {
    const node = addText(who, text);
    if (who === "user") return;
    if (answer?.node !== node) answer = { epoch, node, fragments: [], samples: sample };
    answer.fragments.push({ text, sample });
  },
  answer: ({ text }) => void addText("model", text),
  interrupted() {
    mark("cut", "interrupted");
    cutAnswer();
    isAnswering = false;
  },
  turn_complete() {
    line = null;
    if (answer && live && live.heard.samples >= answer.samples) answer = null;
    isAnswering = false;
  },
  tool_call({ name, args }) {
    mark("tool", name);
    line = null;
    addLine("tool", "tool", "tool-call").textContent = `${name}(${JSON.stringify(args)})`;
  },
  tool_failed: ({ name, message }) => void (addLine("tool", "tool").textContent = `${name} failed: ${message}`),
  tool_cancelled: () => void (addLine("tool", "tool").textContent = "the call was taken back"),
  usage({ total }) {
    tokens += total;
    element("tokens", HTMLElement).textContent = tokens.toLocaleString("en");
  },
  reconnecting: () => showStatus("the model's connection was lost, coming back…"),
  reconnected: () => showStatus(STATES.open),
};

/** @param {string} kind @param {string} text */
const mark = (kind, text) => void marks.push({ at: performance.now() / 1000, kind, text });
/** @param {string} text */
const showStatus = (text) => void (element("status", HTMLElement).textContent = text);

/** @param {string} text */
function explain(text) {
  element("why-text", HTMLElement).textContent = text;
  element("why", HTMLElement).hidden = !text;
  const list = element("transcript", HTMLElement);
  list.scrollTop = list.scrollHeight; // which has become lower
}

/** @param {Message} message */
function record(message) {
  log.push({ at: Math.round(performance.now() - startedAt), ...message });
  if (log.length > MAX_LOG) log.shift();
  if (!element("events", HTMLElement).hidden) showLog();
}

function showLog() {
  const words = input("filter").value.toLowerCase();
  const lines = log.map((one) => JSON.stringify(one)).filter((one) => one.toLowerCase().includes(words));
  const items = lines.slice(-200).map((one) => {
    const item = document.createElement("li");
    item.textContent = one;
    return item;
  });
  element("log", HTMLElement).replaceChildren(...items);
}

/** @param {number} level */
function hearUser(level) {
  userLevel = level;
  const now = performance.now();
  if (level > LOUD) spokeAt = now;
  if (level > 0) hasHeard = true;
  if (level > LOUD) firstEventAt = 0;
}

/** @param {{level: number, isPlaying: boolean}} report */
function hearModel({ level, isPlaying }) {
  const now = performance.now();
  if (isPlaying && !isAnswering && spokeAt) {
    isAnswering = true;
    const total = Math.round(now - spokeAt);
    const first = firstEventAt ? Math.round(firstEventAt - spokeAt) : total;
    element("latency", HTMLElement).textContent = `${total} ms (${first} ms to the first event, ${total - first} ms to sound)`;
    marks.push({ at: spokeAt / 1000, kind: "wait", text: `${total} ms` });
    spokeAt = 0;
  }
  element("level-user", HTMLMeterElement).value = Math.min(1, 4 * userLevel);
  element("level-model", HTMLMeterElement).value = isPlaying ? Math.min(1, 4 * level) : 0;
  levels.push({ at: now / 1000, user: userLevel, model: isPlaying ? level : 0 });
  if (levels.length > SPAN * 25) levels.shift();
}

function draw() {
  const canvas = element("timeline", HTMLCanvasElement);
  const width = canvas.clientWidth * devicePixelRatio;
  const height = canvas.clientHeight * devicePixelRatio;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d");
  if (!pen) return;
  const style = getComputedStyle(document.body);
  /** @param {string} name */
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const now = live ? performance.now() / 1000 : (levels.at(-1)?.at ?? 0);
  const x = /** @param {number} at */ (at) => width * (1 - (now - at) / SPAN);
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = colour("line");
  pen.fillRect(0, height / 2, width, devicePixelRatio);
  const bar = Math.max(1, (width / SPAN) * 0.035);
  const scale = height * 1.4;
  for (const { at, user, model } of levels) {
    const up = Math.min(height * 0.4, user * scale);
    const down = Math.min(height * 0.4, model * scale);
    pen.fillStyle = colourOf.user;
    pen.fillRect(x(at), height / 2 - 2 - up, bar, up);
    pen.fillStyle = colourOf.model;
    pen.fillRect(x(at), height / 2 + 3, bar, down);
  }
  pen.font = `${11 * devicePixelRatio}px ${style.fontFamily}`;
  const taken = { above: -Infinity, below: -Infinity };
  for (const { at, text, kind } of [...marks].sort((a, b) => a.at - b.at)) {
    pen.fillStyle = colour("soft");
    pen.fillRect(x(at), kind === "wait" ? height / 2 : 0, devicePixelRatio, kind === "wait" ? height / 2 : height);
    const row = kind === "wait" ? "below" : "above";
    if (x(at) < taken[row]) continue; // rather no label than one over another
    taken[row] = x(at) + pen.measureText(text).width + 8 * devicePixelRatio;
    pen.fillText(text, x(at) + 4 * devicePixelRatio, kind === "wait" ? height - 3 : 11 * devicePixelRatio);
  }
  colourOf = { user: colour("user"), model: colour("model") };
}
let colourOf = { user: "teal", model: "purple" };
const probe = document.createElement("i");
probe.hidden = true;
document.body.append(probe);

function tick() {
  draw();
  if (!live || live.state !== "open") return;
  const seconds = Math.floor((performance.now() - startedAt) / 1000);
  element("clock", HTMLElement).textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  marks = marks.filter(({ at }) => performance.now() / 1000 - at < SPAN);
  if (live.microphone && !live.isMuted && !live.options.pushToTalk && !hasHeard && performance.now() - startedAt > 6000) {
    explain("The microphone gives only silence. See that it is not muted in the system, or choose another one in Settings.");
  }
}
setInterval(tick, 100);

async function start() {
  explain("");
  const isPushed = input("push").checked;
  const settings = { voice: input("voice").value, system: element("system", HTMLTextAreaElement).value };
  const client = new LiveClient(new URL("voice/live", location.href), {
    token,
    pushToTalk: isPushed,
    microphoneId: element("microphone", HTMLSelectElement).value || undefined,
    settings,
  });
  live = client;
  Object.assign(window, { live: client });
  levels = [];
  marks = [];
  startedAt = performance.now();
  hasHeard = false;
  const on = /** @param {string} name @param {(detail: any) => void} handler */ (name, handler) =>
    client.addEventListener(name, (event) => handler(/** @type {CustomEvent} */ (event).detail));
  on("message", (message) => {
    record(message);
    const isFirst = message.type === "transcript" ? message.who === "model" : message.type === "tool_call";
    if (isFirst) firstEventAt ||= performance.now();
    handlers[message.type]?.(message);
  });
  on("sound", ({ first, pcm }) => {
    firstEventAt ||= performance.now();
    if (answer) answer.samples = first + pcm.length;
  });
  on("microphone", ({ level }) => hearUser(level));
  on("speaker", hearModel);
  on("error", ({ message }) => explain(message));
  on("state", ({ state }) => showState(state));
  try {
    await client.start();
    await listDevices(client);
    const sink = element("speaker", HTMLSelectElement).value;
    if (sink) await client.setSpeaker(sink);
  } catch (error) {
    explain(error instanceof LiveError ? error.message : String(error));
  }
}

/** @param {keyof typeof STATES} state */
function showState(state) {
  const isOn = state !== "closed" && state !== "idle";
  showStatus(state === "open" && !live?.microphone ? "open, without a microphone: type" : STATES[state]);
  button("start").hidden = isOn;
  button("stop").hidden = !isOn;
  for (const id of ["mute", "talk", "camera", "screen"]) button(id).disabled = !isOn;
  button("talk").hidden = !live?.options.pushToTalk;
  if (state === "closed") {
    for (const id of ["mute", "camera", "screen"]) button(id).setAttribute("aria-pressed", "false");
    element("level-user", HTMLMeterElement).value = element("level-model", HTMLMeterElement).value = 0;
  }
}

/** @param {LiveClient} client */
async function listDevices(client) {
  if (!navigator.mediaDevices) return;
  const { microphones, speakers } = await client.devices();
  for (const [id, devices] of /** @type {const} */ ([["microphone", microphones], ["speaker", speakers]])) {
    const list = element(id, HTMLSelectElement);
    const chosen = list.value;
    list.replaceChildren(new Option("system's default", ""), ...devices.map((one) => new Option(one.label || id, one.deviceId)));
    list.value = chosen;
  }
}

/** @param {"camera" | "screen"} source */
async function toggleVideo(source) {
  const isOn = button(source).getAttribute("aria-pressed") === "true";
  for (const id of ["camera", "screen"]) button(id).setAttribute("aria-pressed", "false");
  live?.stopVideo();
  if (isOn || !live) return;
  try {
    await live.startVideo(source);
    button(source).setAttribute("aria-pressed", "true");
  } catch (error) {
    explain(error instanceof LiveError ? error.message : String(error));
  }
}

button("start").onclick = () => void start().then(() => button("stop").hidden || button("stop").focus());
button("stop").onclick = () => {
  live?.stop();
  button("start").focus();
};
button("mute").onclick = () => {
  if (!live) return;
  live.mute(!live.isMuted);
  button("mute").setAttribute("aria-pressed", String(live.isMuted));
};
button("camera").onclick = () => void toggleVideo("camera");
button("screen").onclick = () => void toggleVideo("screen");
button("talk").onpointerdown = () => live?.talk(true);
button("talk").onpointerup = button("talk").onpointerleave = () => live?.talk(false);
/** @param {KeyboardEvent} event */
const isSpace = (event) => event.code === "Space" && !(event.target instanceof HTMLInputElement) && live?.options.pushToTalk;
document.addEventListener("keydown", (event) => {
  if (!isSpace(event)) return;
  event.preventDefault();
  live?.talk(true);
});
document.addEventListener("keyup", (event) => {
  if (!isSpace(event)) return;
  event.preventDefault();
  live?.talk(false);
});
element("form", HTMLFormElement).onsubmit = (event) => {
  event.preventDefault();
  const text = input("text").value.trim();
  if (!text) return;
  if (live?.state !== "open") return explain("Press Start first; then what you type is sent.");
  live.send(text);
  line = null;
  addText("user", text);
  line = null;
  spokeAt = performance.now();
  firstEventAt = 0;
  input("text").value = "";
};
button("why-close").onclick = () => explain("");
button("open-settings").onclick = () => element("settings", HTMLDialogElement).showModal();
button("open-events").onclick = () => {
  element("events", HTMLElement).hidden = false;
  showLog();
  input("filter").focus();
};
button("close-events").onclick = () => {
  element("events", HTMLElement).hidden = true;
  button("open-events").focus();
};
element("events", HTMLElement).onkeydown = (event) => void (event.key === "Escape" && button("close-events").click());
input("filter").oninput = showLog;
button("copy").onclick = () => void navigator.clipboard.writeText(log.map((one) => JSON.stringify(one)).join("\n"));
button("download").onclick = () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([log.map((one) => JSON.stringify(one)).join("\n")], { type: "application/jsonl" }));
  link.download = "events.jsonl";
  link.click();
  URL.revokeObjectURL(link.href);
};
