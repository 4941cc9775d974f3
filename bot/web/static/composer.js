// What is about to be sent: pictures, text, task.

import { Refused } from "./api.js";
import { byId, element, icon } from "./dom.js";
import { Examples } from "./examples.js";
import { Task } from "./task.js";
import { t } from "./words.js";

const MOST_PICTURES = 10;
const MOST_BYTES = 25 * 1024 * 1024;
// Not in the reader's language: these are for the model, which has learnt English.
const SUGGESTIONS = [
  "What is in this picture?",
  "How many things are there?",
  "What is in the top left?",
  "Which colours?",
];

export class Composer {
  #pictures = [];

  /** `send` takes {text, pictures, task}; `complain` shows a sentence, or takes it away if it is empty. */
  constructor({ send, complain }) {
    this.send = send;
    this.complain = complain;
    this.form = byId("composer");
    this.text = byId("text");
    this.task = new Task(() => this.refresh());
    this.examples = new Examples({
      complain,
      picture: () => this.#pictures[0],
      added: (picture) => this.#remove(picture),
      changed: () => this.refresh(),
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.text.addEventListener("input", () => this.refresh());
    this.text.addEventListener("keydown", (event) => this.#onKey(event));
    byId("suggestions").append(
      ...SUGGESTIONS.map((question) => {
        const button = element("button", { type: "button", lang: "en", dir: "ltr", textContent: question });
        button.addEventListener("click", () => {
          this.text.value = question;
          this.#submit();
        });
        return button;
      }),
    );
    this.refresh();
  }

  /** Adds files that people picked, dropped, pasted or drew. */
  add(files) {
    const pictures = [...files].filter((file) => file.type.startsWith("image/") || file.type === "");
    const small = pictures.filter((file) => file.size <= MOST_BYTES);
    const room = MOST_PICTURES - this.#pictures.length;
    this.#pictures.push(
      ...small.slice(0, room).map((blob) => ({ blob, name: blob.name || "picture.png", url: URL.createObjectURL(blob) })),
    );
    if (pictures.length < files.length) {
      this.complain(t("Only pictures can be added."));
    } else if (small.length < pictures.length) {
      this.complain(t("A picture may have 25 MB at most: send a smaller one."));
    } else if (small.length > room) {
      this.complain(t("A message has at most {most} pictures.", { most: MOST_PICTURES }));
    } else {
      this.complain("");
    }
    this.#showPictures();
    this.focus();
  }

  /** Puts the cursor where one writes, unless that would cover half a phone with a keyboard. */
  focus() {
    if (matchMedia("(pointer: fine)").matches) {
      this.text.focus();
    }
  }

  /** The picture is no longer about to be sent. */
  #remove(picture) {
    URL.revokeObjectURL(picture.url);
    this.#pictures = this.#pictures.filter((one) => one !== picture);
    this.#showPictures();
  }

  async #submit() {
    const message = { text: this.text.value, pictures: this.#pictures, task: this.task.chosen };
    if (!this.task.isReady(message.text, message.pictures.length)) {
      return;
    }
    this.text.value = "";
    this.#pictures = [];
    this.#showPictures();
    this.complain("");
    try {
      await this.send(message);
      message.pictures.forEach(({ url }) => URL.revokeObjectURL(url));
    } catch (error) {
      if (!(error instanceof Refused)) {
        throw error;
      }
      this.text.value = [message.text, this.text.value].filter(Boolean).join("\n");
      this.#pictures.unshift(...message.pictures);
      this.#showPictures();
      this.complain(error.message);
    }
  }

  #onKey(event) {
    // Where keys are on the screen, Enter makes a line; while an input method composes, it is that method's.
    const sends = event.key === "Enter" && !event.shiftKey && !event.isComposing;
    if (sends && matchMedia("(pointer: fine)").matches) {
      event.preventDefault();
      this.#submit();
    }
  }

  #showPictures() {
    const shown = this.#pictures.map((picture, number) => {
      const label = t("Remove picture {number}", { number: number + 1 });
      const remove = element("button", { type: "button", title: label, ariaLabel: label }, icon("close"));
      remove.addEventListener("click", () => {
        this.#remove(picture);
        this.focus();
      });
      const name = t("Picture {number}: {name}", { number: number + 1, name: picture.name });
      const image = element("img", { src: picture.url, alt: name });
      // What this browser cannot show, such as TIFF, the model may still read.
      image.addEventListener("error", () => {
        image.replaceWith(element("span", { className: "unshown", dir: "auto", title: name }, picture.name));
      });
      return element("li", {}, image, remove);
    });
    byId("attached").replaceChildren(...shown);
    byId("attached").hidden = !shown.length;
    this.refresh();
  }

  /** Shows what follows from the text, the pictures and the task. */
  refresh() {
    this.task.hasExamples = !this.examples?.isEmpty;
    this.examples?.refresh(this.#pictures.length);
    const { text, task } = this;
    text.placeholder = task.hint(this.#pictures.length);
    byId("send").disabled = !task.isReady(text.value, this.#pictures.length);
    byId("suggestions").hidden = !(this.#pictures.length && task.isQuestion && !text.value);
    // Browsers without field-sizing.
    if (!CSS.supports("field-sizing", "content")) {
      text.style.height = "auto";
      text.style.height = `${text.scrollHeight}px`;
    }
  }
}
