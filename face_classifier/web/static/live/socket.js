// The one connection of a tab to the program, on which it is told what happens and shown what cameras see.
//
// What is told becomes an event of the document, `live:TYPE`: hello, revision, visit, camera, resync. Pictures become
// `live:tile`. `live:gone` and `live:back` say whether the program answers.
import { gone, isGone } from "./gone.js";

const FIRST = 500; // ms until the second trial; each next one waits twice as long
const LONGEST = 4000; // ms between two trials
const SILENCE = 15000; // ms without a word, after which the connection counts as lost: the program says something every 5 s

/** @type {WebSocket | undefined} */
let socket;
/** @type {number | undefined} */
let seq;
let wait = FIRST;
let trial = 0;
let silence = 0;
let left = false;
/** @type {{look: string[], size: "small" | "large"}} */
let wish = { look: [], size: "small" };

/** Look at these cameras from now on. @param {string[]} look @param {"small" | "large"} size */
export function lookAt(look, size) {
  wish = { look, size };
  say();
}

/** A hidden tab looks at nothing. */
function say() {
  if (socket?.readyState === WebSocket.OPEN) {
    socket.send(JSON.stringify(document.hidden ? { look: [] } : wish));
  }
}

/** @param {string} type @param {any} detail */
const tell = (type, detail) => document.dispatchEvent(new CustomEvent(`live:${type}`, { detail }));

function heard() {
  clearTimeout(silence);
  silence = setTimeout(() => lost(), SILENCE);
}

/** @param {MessageEvent} message */
function take({ data }) {
  heard();
  if (data instanceof ArrayBuffer) return tell("tile", unpacked(data));
  const told = JSON.parse(data);
  if (told.type !== "hello") seq = told.seq;
  else seq ??= told.seq;
  tell(told.type, told);
}

/** @param {ArrayBuffer} data two bytes with the length of a header, the header, a JPEG. */
function unpacked(data) {
  const length = new DataView(data).getUint16(0);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 2, length)));
  return { ...header, picture: new Blob([new Uint8Array(data, 2 + length)], { type: "image/jpeg" }) };
}

function connect() {
  clearTimeout(trial);
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const own = new WebSocket(`${scheme}://${location.host}/api/v1/ws${seq === undefined ? "" : `?since=${seq}`}`);
  own.binaryType = "arraybuffer";
  socket = own;
  heard();
  own.addEventListener("open", () => {
    wait = FIRST;
    gone(false);
    say();
  });
  own.addEventListener("message", (message) => own === socket && take(message));
  own.addEventListener("close", () => own === socket && lost());
}

/** The connection is lost: try again, sooner at first, and say so where the program does not answer. */
function lost() {
  clearTimeout(silence);
  clearTimeout(trial);
  const before = socket;
  socket = undefined;
  before?.close();
  if (left) return;
  void ask();
  trial = setTimeout(connect, wait);
  wait = Math.min(2 * wait, LONGEST);
}

/** Whether the program answers at all. It may be there, and know this tab no more. */
async function ask() {
  try {
    const answer = await fetch("/api/v1/cameras", { cache: "no-store", signal: AbortSignal.timeout(SILENCE) });
    if (answer.status === 401) location.assign("/login");
  } catch {
    if (!left && socket?.readyState !== WebSocket.OPEN) gone(true);
  }
}

export function start() {
  document.addEventListener("visibilitychange", () => {
    say();
    if (!document.hidden && isGone()) connect();
  });
  addEventListener("online", () => isGone() && connect());
  document.addEventListener("live:again", () => connect());
  addEventListener("pagehide", () => {
    left = true;
    socket?.close();
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    left = false;
    connect();
  });
  connect();
}
