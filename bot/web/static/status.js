// The status page: asks every two seconds what is new, and shows it.

import { byId } from "./dom.js";
import { Plot } from "./plot.js";
import { language, t } from "./words.js";

const number = (value, digits = 0) =>
  value.toLocaleString(language, { minimumFractionDigits: 0, maximumFractionDigits: digits });
const unit = (name, digits) => (value) =>
  value.toLocaleString(language, { style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits: digits });
const seconds = unit("second", 2);
const milliseconds = (value) => unit("millisecond", 0)(value * 1000);
const percent = (value) => value.toLocaleString(language, { style: "percent" });

function bytes(value) {
  return value < 1e9 ? unit("megabyte", 0)(value / 1e6) : unit("gigabyte", 1)(value / 1e9);
}

const WRONG = {
  discord: t("There is no connection to Discord."),
  events: t("Discord has sent nothing for a while."),
  model: t("The model does not work."),
  database: t("The database cannot be written."),
};
const NAMES = {
  discord: t("Discord"),
  events: t("Events"),
  model: t("Model"),
  database: t("Database"),
};

const count = (value) => number(value, 1);
const moved = (moment) => plots.forEach((plot) => plot.samples && plot.point(moment));
const plots = [
  new Plot(
    t("Requests"),
    [
      { field: "writing", label: t("being answered"), look: "first", kind: "area" },
      { field: "waiting", label: t("waiting"), look: "second", kind: "line" },
    ],
    { format: count, least: 2, broad: true, moved },
  ),
  new Plot(t("Tokens per second"), [{ field: "tokens_per_second", look: "first", kind: "area" }], {
    format: count,
    least: 10,
    moved,
  }),
  new Plot(t("To the first token"), [{ field: "first_token_seconds", look: "first", kind: "line" }], {
    format: seconds,
    least: 0.1,
    moved,
  }),
  new Plot(t("Read from the cache"), [{ field: "cached_share", look: "first", kind: "line" }], {
    format: percent,
    share: true,
    moved,
  }),
  new Plot(
    t("Memory"),
    [
      { field: "memory_bytes", label: t("process"), look: "first", kind: "area" },
      { field: "device_bytes", label: t("device"), look: "second", kind: "line" },
    ],
    { format: bytes, least: 1e8, moved },
  ),
  new Plot(t("Event loop late by"), [{ field: "lag_seconds", look: "first", kind: "area" }], {
    format: milliseconds,
    least: 0.01,
    moved,
  }),
];
const trouble = [{ field: "errors", label: t("errors"), look: "bad", kind: "bar" }];
const refusals = { field: "refused", label: t("too many requests"), look: "second", kind: "bar" };

let samples = null;

function completed(inDiscord) {
  if (inDiscord) {
    plots.push(
      new Plot(t("Edits per second"), [{ field: "edits_per_second", look: "first", kind: "area" }], {
        format: count,
        least: 2,
        moved,
      }),
    );
  }
  const series = inDiscord ? [...trouble, refusals] : trouble;
  plots.push(new Plot(t("Trouble"), series, { format: count, least: 4, broad: !inDiscord, moved }));
  byId("plots").append(...plots.map((plot) => plot.element));
  byId("pages").hidden = inDiscord;
}

function remember(fresh, most) {
  if (samples === null) {
    samples = fresh;
    return;
  }
  for (const [field, values] of Object.entries(fresh)) {
    samples[field] = samples[field].concat(values).slice(-most);
  }
}

function median(values) {
  const sorted = values.filter((value) => value !== null).sort((one, other) => one - other);
  return sorted.length ? sorted[Math.floor(sorted.length / 2)] : null;
}

function show(id, said, small = "") {
  const parts = [said];
  if (small) {
    const node = document.createElement("small");
    node.textContent = small;
    parts.push(node);
  }
  byId(id).replaceChildren(...parts);
}

function showVerdict(state, said) {
  byId("verdict").dataset.state = state;
  byId("verdict-text").textContent = said;
  byId("plots").classList.toggle("stale", state === "lost");
}

function showChecks(checks) {
  const failed = Object.keys(checks).filter((name) => !checks[name]);
  const said = failed.map((name) => WRONG[name] ?? name).join(" ");
  showVerdict(failed.length ? "failing" : "well", said || t("All is well."));
  byId("checks").replaceChildren(
    ...Object.entries(checks).map(([name, passed]) => {
      const item = document.createElement("li");
      item.textContent = NAMES[name] ?? name;
      item.className = passed ? "" : "failed";
      return item;
    }),
  );
}

function showFigures(data) {
  const { done = 0, stopped = 0, failed = 0 } = data.requests;
  show("answers", number(done + stopped), failed ? t("and {number} failed", { number: number(failed) }) : "");
  const waiting = samples.waiting.at(-1) ?? 0;
  show("line", number(waiting), t("{number} being answered", { number: number(samples.writing.at(-1) ?? 0) }));
  const recent = samples.tokens_per_second.slice(-5);
  show("speed", number(recent.reduce((sum, each) => sum + each, 0) / Math.max(1, recent.length), 1));
  const first = median(samples.first_token_seconds);
  show("first", first === null ? "–" : seconds(first), first === null ? "" : t("median"));
  const began = new Date(data.began_at * 1000).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
  byId("since").textContent = t("Running since {time}.", { time: began });
  byId("model").textContent = data.model === "demo" ? t("built-in model") : data.model;
}

async function ask() {
  const after = samples?.time.at(-1) ?? 0;
  let data;
  try {
    const response = await fetch(`/status/figures?after=${after}`);
    if (!response.ok) {
      throw new Error(String(response.status));
    }
    data = await response.json();
  } catch {
    showVerdict("lost", t("The bot cannot be reached."));
    return;
  }
  if (samples === null) {
    completed("discord" in data.checks);
  }
  remember(data.samples, data.most_samples);
  showChecks(data.checks);
  showFigures(data);
  const end = Math.max(Date.now() / 1000, samples.time.at(-1) ?? 0);
  for (const plot of plots) {
    plot.draw(samples, end - data.most_samples * data.seconds_per_sample, end);
  }
}

async function keepAsking() {
  if (!document.hidden) {
    await ask();
  }
  setTimeout(keepAsking, 2000);
}

addEventListener("resize", () => samples && plots.forEach((plot) => plot.draw(samples, plot.begin, plot.end)));
document.addEventListener("visibilitychange", () => !document.hidden && ask());
keepAsking();
