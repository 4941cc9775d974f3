// Which task is chosen, and what it needs.

import { byId } from "./dom.js";
import { t } from "./words.js";

const HINTS = {
  chat: t("Ask about a picture"),
  vqa: t("Ask for a short answer"),
  caption: t("Add a picture for a caption"),
  "prompted-caption": t("Add a picture for the caption"),
  classify: t("Add a picture to be labelled"),
  "few-shot": t("Add a picture to be answered like the examples"),
  story: t("Add a picture for a story"),
};
const WITH_QUESTION = new Set(["chat", "vqa"]);

export class Task {
  hasExamples = false;
  #hasBegun = false;
  #touched = new Set(); // fields in which somebody has chosen or written something

  constructor(onChange) {
    this.mode = byId("mode");
    this.labels = byId("labels");
    this.prefix = byId("prefix");
    this.mode.addEventListener("change", () => {
      this.#showFields();
      onChange();
      // Only where nothing else opens a keyboard on its own.
      if (matchMedia("(pointer: fine)").matches) {
        this.firstField?.focus();
      }
    });
    this.labels.addEventListener("input", onChange);
    for (const field of [this.mode, this.labels, this.prefix]) {
      field.addEventListener("input", () => this.#touched.add(field));
    }
  }

  /** The task as it is sent: the fields of which it is known what shall stand in them. */
  get chosen() {
    const fields = [
      [this.mode, { mode: this.mode.value }],
      [this.labels, { labels: JSON.stringify(this.#listed) }],
      [this.prefix, { prefix: this.prefix.value }],
    ];
    const known = fields.filter(([field]) => this.#hasBegun || this.#touched.has(field));
    return Object.assign({}, ...known.map(([, value]) => value));
  }

  /** Shows what was saved, but where somebody was quicker than the page got it. */
  begin({ mode, labels, prefix }) {
    const saved = new Map([
      // A task that only other chats can set up is shown as a conversation.
      [this.mode, mode in HINTS ? mode : "chat"],
      [this.labels, labels.map((label) => (/[,،、，"]/.test(label) ? `"${label.replaceAll('"', '""')}"` : label)).join(", ")],
      [this.prefix, prefix ?? ""],
    ]);
    for (const [field, value] of saved) {
      if (!this.#touched.has(field)) {
        field.value = value;
      }
    }
    this.#hasBegun = true;
    this.#showFields();
  }

  /** Whether a picture is asked about in words; without a picture every task is a conversation. */
  get isQuestion() {
    return WITH_QUESTION.has(this.mode.value);
  }

  /** What to write or to add, with this many pictures added. */
  hint(pictures) {
    return pictures && !this.isQuestion ? this.#missing ?? t("Ready to be sent") : HINTS[this.mode.value];
  }

  get firstField() {
    return { classify: this.labels, "prompted-caption": this.prefix }[this.mode.value];
  }

  /** Whether a message with these can be sent. */
  isReady(text, pictures) {
    return pictures ? !this.#missing : text.trim() !== "";
  }

  /** What the task lacks before a picture can be sent; null: nothing. */
  get #missing() {
    if (this.mode.value === "classify" && this.#listed.length < 2) {
      return t("Write at least two labels");
    }
    return this.mode.value === "few-shot" && !this.hasExamples ? t("Add an example first") : null;
  }

  /** As the server reads them: one that holds a comma stands in quotes. */
  get #listed() {
    const found = this.labels.value.matchAll(/\s*(?:"((?:[^"]|"")*)"\s*(?=[,،、，\n]|$)|([^,،、，\n]+))/g);
    const labels = [...found].map(([, quoted, plain]) => (quoted?.replaceAll('""', '"') ?? plain).trim());
    return labels.filter(Boolean);
  }

  #showFields() {
    byId("labels-field").hidden = this.mode.value !== "classify";
    byId("prefix-field").hidden = this.mode.value !== "prompted-caption";
    byId("examples-field").hidden = this.mode.value !== "few-shot";
  }
}
