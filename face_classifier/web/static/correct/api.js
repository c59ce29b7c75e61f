// What is asked of the program, and how it may refuse.
import { _ } from "../words.js";

const ROOT = "/api/v1/";
const AGAIN = 1000; // ms until a write that reached nobody is sent once more, with the same key, so that it is done once
const LONGEST = 30000; // ms for an answer

/** The program refused, or did not answer. */
export class Refusal extends Error {
  /**
   * @param {string} sentence what to tell.
   * @param {number} status of HTTP; 0: there was no answer.
   * @param {any} problem the problem details (RFC 9457) of the answer.
   */
  constructor(sentence, status, problem = {}) {
    super(sentence);
    this.status = status;
    this.problem = problem;
  }
}

/**
 * Ask for something.
 * @param {string} path below /api/v1/, with its query.
 * @param {AbortSignal} [signal] ends the waiting.
 * @returns {Promise<any>} the answer; rejects with Refusal, or AbortError.
 */
export function ask(path, signal) {
  return answered(path, { headers: { Accept: "application/json" }, signal });
}

/**
 * Write something. Each call is one write, however often it has to be sent.
 * @param {string} method POST, PATCH or DELETE.
 * @param {string} path below /api/v1/.
 * @param {Object} body what is written.
 * @returns {Promise<any>} the answer; rejects with Refusal.
 */
export async function send(method, path, body) {
  const headers = { Accept: "application/json", "Content-Type": "application/json", "Idempotency-Key": key() };
  const request = () =>
    answered(path, { method, headers, body: JSON.stringify(body), signal: AbortSignal.timeout(LONGEST) });
  try {
    return await request();
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 0) throw error;
    await new Promise((done) => setTimeout(done, AGAIN));
    return request();
  }
}

/** 122 random bits. `crypto.randomUUID` is not there on a page without TLS. */
function key() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} path @param {RequestInit} init */
async function answered(path, init) {
  let response;
  try {
    response = await fetch(ROOT + path, { credentials: "same-origin", ...init });
  } catch (error) {
    if (init.signal?.aborted && !init.method) throw error;
    throw new Refusal(_("The program does not answer."), 0);
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  if (response.status === 401) location.assign("/login");
  throw new Refusal(
    answer.detail || answer.title || _("The program refused: %(status)s", { status: response.status }),
    response.status,
    answer,
  );
}
