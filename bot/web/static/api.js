// What the page asks of the server.

import { t } from "./words.js";

/** A request that was not fulfilled; the message is a sentence for the person. */
export class Refused extends Error {}

async function send(method, address, body) {
  await request(method, address, body);
}

async function request(method, address, body) {
  let response;
  try {
    response = await fetch(address, { method, body });
  } catch {
    throw new Refused(t("The playground cannot be reached: is it still running?"));
  }
  if (response.ok) {
    return response;
  }
  const answer = await response.json().catch(() => ({}));
  throw new Refused(answer.error ?? t("Something went wrong in the playground; its log has the details."));
}

/** A question: its text, its pictures as {blob, name}, and what is known of its task. */
export function ask({ text, pictures, task }) {
  const form = new FormData();
  form.append("text", text);
  for (const [name, value] of Object.entries(task)) {
    form.append(name, value);
  }
  for (const { blob, name } of pictures) {
    form.append("photo", blob, name);
  }
  return send("POST", "/messages", form);
}

export function stop(request) {
  return send("POST", `/requests/${request}/stop`);
}

export function regenerate(request) {
  return send("POST", `/requests/${request}/regenerate`);
}

export function continueAnswer(request) {
  return send("POST", `/requests/${request}/continue`);
}

export function showVersion(request, version) {
  return send("POST", `/requests/${request}/versions/${version}`);
}

/** Adds an example; returns all that there are then. */
export async function addExample(blob, name, answer) {
  const form = new FormData();
  form.append("answer", answer);
  form.append("photo", blob, name);
  return (await request("POST", "/examples", form)).json();
}

/** Removes an example; returns those that are left. */
export async function removeExample(id) {
  return (await request("DELETE", `/examples/${id}`)).json();
}

/** How much is kept of this browser's conversation, and for how many days. */
export async function kept() {
  return (await request("GET", "/own")).json();
}

export function forgetAll() {
  return send("DELETE", "/own");
}

export function forgetConversation() {
  return send("DELETE", "/conversation");
}

/**
 * Calls the handler that is named like each event, with its data. The first event is the whole
 * conversation, also after the connection was lost; `online` is told whether there is one.
 */
export function listen(handlers, online) {
  const source = new EventSource("/events");
  source.addEventListener("open", () => online(true));
  source.addEventListener("error", () => {
    online(false);
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(() => listen(handlers, online), 2000);
    }
  });
  for (const [name, handle] of Object.entries(handlers)) {
    source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  }
}
