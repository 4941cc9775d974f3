// The examples that the task few-shot follows.

import { Refused, addExample, removeExample } from "./api.js";
import { byId, element, icon } from "./dom.js";
import { t } from "./words.js";

/** Shows them; `picture` gives the one for a new example, `added` is told that it is one. */
export class Examples {
  #shown = [];

  constructor({ picture, added, changed, complain }) {
    this.picture = picture;
    this.added = added;
    this.changed = changed;
    this.complain = complain;
    this.answer = byId("example-answer");
    byId("add-example").addEventListener("click", () => this.#add());
    this.answer.addEventListener("input", () => changed());
    this.answer.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) {
        event.preventDefault();
        this.#add();
      }
    });
  }

  get isEmpty() {
    return this.#shown.length === 0;
  }

  /** Whether one can be added, with this many pictures at hand. */
  refresh(pictures) {
    byId("add-example").disabled = !pictures || !this.answer.value.trim();
  }

  show(examples) {
    this.#shown = examples;
    byId("examples").replaceChildren(...examples.map((example, number) => this.#element(example, number + 1)));
    this.changed();
  }

  #element({ id, sha256, answer, dropped }, number) {
    const label = t("Remove example {number}", { number });
    const remove = element("button", { type: "button", title: label, ariaLabel: label }, icon("close"));
    remove.addEventListener("click", () => this.#attempt(() => removeExample(id)));
    const image = element("img", { src: `/photos/${sha256}`, alt: t("The picture of example {number}", { number }) });
    const text = element("span", { dir: "auto" }, answer);
    const note = dropped ? [element("em", {}, t("no room"))] : [];
    return element("li", {}, image, text, ...note, remove);
  }

  async #add() {
    const answer = this.answer.value;
    if (byId("add-example").disabled) {
      return;
    }
    const picture = this.picture();
    byId("add-example").disabled = true;
    if (await this.#attempt(() => addExample(picture.blob, picture.name, answer))) {
      this.answer.value = "";
      this.added(picture);
    }
    this.changed();
  }

  async #attempt(action) {
    try {
      this.show(await action());
      this.complain("");
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) {
        throw error;
      }
      this.complain(error.message);
      return false;
    }
  }
}
