// Talking to the studio's server: calls in JSON, pictures, and the stream of jobs.

import { said } from "./messages.js";

let token = "";

export class Failed extends Error {
  constructor(message, status, details = {}) {
    super(message);
    this.status = status;
    this.field = details.field;
    this.problem = details.problem;
  }
}

async function answered(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failed("offline", 0);
  }
  if (response.ok) return response;
  const details = await response.json().catch(() => ({}));
  if (response.status === 401) dispatchEvent(new Event("studio-locked"));
  throw new Failed(details.error ? said(details.error) : response.statusText, response.status, details);
}

export async function get(path, options = {}) {
  return (await answered(path, options)).json();
}

export async function post(path, body = {}, options = {}) {
  const headers = { "content-type": "application/json", "x-studio-token": token };
  const sent = { method: "POST", headers, body: JSON.stringify(body), ...options };
  return (await answered(path, sent)).json();
}

// A picture as it was made, to the pixel.
export async function picture(path, options = {}) {
  const response = await answered(path, options);
  const settings = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  return createImageBitmap(await response.blob(), settings);
}

// Whether this browser may use the studio. A key in the address is exchanged for a cookie and forgotten.
export async function enter() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  let session = null;
  if (key) {
    history.replaceState(null, "", "/#/");
    session = await post("/api/enter", { key }).catch(() => null);
  }
  session = session || (await get("/api/session"));
  token = session.token || "";
  return session;
}

// Comes in by the password for other machines.
export async function enterByPassword(password) {
  token = (await post("/api/enter", { password })).token;
}

// Calls back with all jobs whenever one of them changes; returns what ends it.
export function watchJobs(changed, connected) {
  const source = new EventSource("/api/events");
  source.addEventListener("jobs", (event) => changed(JSON.parse(event.data)));
  source.onopen = () => connected(true);
  source.onerror = () => connected(false);
  return () => source.close();
}
