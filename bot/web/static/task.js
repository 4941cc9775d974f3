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
  }

  /** The task as it is sent. */
  get chosen() {
    return { mode: this.mode.value, labels: this.#listed, prefix: this.prefix.value };
  }

  set chosen({ mode, labels, prefix }) {
    // A task that only other chats can set up is shown as a conversation.
    this.mode.value = mode in HINTS ? mode : "chat";
    this.labels.value = labels.map((label) => (/[,،、，"]/.test(label) ? `"${label.replaceAll('"', '""')}"` : label)).join(", ");
    this.prefix.value = prefix ?? "";
    this.#showFields();
  }

  /** Whether a picture is asked about in words; without a picture every task is a conversation. */
  get isQuestion() {
    return WITH_QUESTION.has(this.mode.value);
  }

  /** What to write or to add, with this many pictures added. */
  hint(pictures) {
    return pictures && !this.isQuestion ? t("Ready to be sent") : HINTS[this.mode.value];
  }

  get firstField() {
    return { classify: this.labels, "prompted-caption": this.prefix }[this.mode.value];
  }

  /** Whether a message with these can be sent. */
  isReady(text, pictures) {
    const lacksLabels = this.mode.value === "classify" && this.#listed.length < 2;
    const lacksExamples = this.mode.value === "few-shot" && !this.hasExamples;
    return pictures ? !lacksLabels && !lacksExamples : text.trim() !== "";
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
