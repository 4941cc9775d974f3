// Drawings to begin with.

import { element } from "./dom.js";
import { t } from "./words.js";

const SHOWN = 6;

/** Fills lists with the same few random drawings; `onPick` gets the picked one as a file. */
export class Samples {
  constructor(lists, onPick) {
    this.lists = lists;
    this.onPick = onPick;
  }

  shuffle() {
    const seeds = crypto.getRandomValues(new Uint32Array(SHOWN)).map((number) => number % 1_000_000_000);
    for (const list of this.lists) {
      list.replaceChildren(...Array.from(seeds, (seed, number) => this.#item(seed, number + 1)));
    }
  }

  #item(seed, number) {
    const address = `/samples/${seed}.png`;
    const image = element("img", { src: address, alt: t("Sample drawing {number}", { number }), width: 256, height: 256 });
    const button = element("button", { type: "button" }, image);
    button.addEventListener("click", async () => {
      const blob = await (await fetch(address)).blob();
      this.onPick(new File([blob], "drawing.png", { type: "image/png" }));
    });
    return element("li", {}, button);
  }
}
