// The privacy page: how much is kept of this browser's conversation, and its end.

import * as api from "./api.js";
import { byId } from "./dom.js";
import { language, plural, t } from "./words.js";

function said({ messages, photos, answers, examples }) {
  const parts = [
    [messages, plural("{number} message", "{number} messages", messages)],
    [photos, plural("{number} picture", "{number} pictures", photos)],
    [answers, plural("{number} answer", "{number} answers", answers)],
    [examples, plural("{number} example", "{number} examples", examples)],
  ].flatMap(([number, part]) => (number ? [part] : []));
  return parts.length ? new Intl.ListFormat(language).format(parts) : t("nothing");
}

async function attempt(action) {
  byId("problem").hidden = true;
  try {
    await action();
  } catch (error) {
    if (!(error instanceof api.Refused)) {
      throw error;
    }
    byId("problem").textContent = error.message;
    byId("problem").hidden = false;
  }
}

async function show() {
  const { kept, days } = await api.kept();
  const amount = said(kept);
  byId("amount").textContent = amount[0].toLocaleUpperCase(language) + amount.slice(1);
  byId("days").textContent = plural(
    "What is said here is forgotten after {number} day.",
    "What is said here is forgotten after {number} days.",
    days,
  );
  const isNothing = Object.values(kept).every((number) => number === 0);
  byId("forget").disabled = isNothing;
  byId("export").hidden = isNothing;
}

byId("forget").addEventListener("click", () => {
  if (confirm(t("Have all of it forgotten, settings and examples too? It cannot be brought back."))) {
    attempt(async () => {
      await api.forgetAll();
      await show();
    });
  }
});
attempt(show);
