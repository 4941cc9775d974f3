// The dialog to draw in.

import { byId, element } from "./dom.js";
import { drawMark, TOOLS } from "./shapes.js";
import { plural, t } from "./words.js";

const SIZES = { small: { width: 6, radius: 34 }, medium: { width: 14, radius: 62 }, big: { width: 28, radius: 110 } };
// The plain shades of the built-in model's world.
const COLOURS = {
  red: "#e6141e", green: "#2f9e2f", blue: "#1f5fd6", yellow: "#fbd91f", purple: "#7a2cb0",
  orange: "#f98a14", pink: "#ff9cb8", brown: "#7a4a22", black: "#111111", white: "#ffffff",
};
const BACKGROUNDS = {
  white: "#ffffff", "light grey": "#d4d4d4", "light blue": "#c8defa", "light green": "#c6f0c6",
  "light yellow": "#fff7cc", "light pink": "#fbd0da", "light purple": "#dccff5",
  grey: "#888888", "dark grey": "#404040", black: "#050505",
};
/** What can be chosen, as people read and hear it. */
const NAMES = {
  brush: t("brush"), circle: t("circle"), square: t("square"), triangle: t("triangle"), star: t("star"),
  heart: t("heart"), ring: t("ring"), diamond: t("diamond"), cross: t("cross"),
  small: t("small"), medium: t("medium"), big: t("big"),
  red: t("red"), green: t("green"), blue: t("blue"), yellow: t("yellow"), purple: t("purple"),
  orange: t("orange"), pink: t("pink"), brown: t("brown"), black: t("black"), white: t("white"), grey: t("grey"),
  "light grey": t("light grey"), "light blue": t("light blue"), "light green": t("light green"),
  "light yellow": t("light yellow"), "light pink": t("light pink"), "light purple": t("light purple"),
  "dark grey": t("dark grey"),
};
const STEP = 24; // pixels that an arrow key moves the pen

export class Sketch {
  #marks = [];
  #current = null;
  #pen = null;

  /** `onUse` gets the drawing as a file. */
  constructor(onUse) {
    this.onUse = onUse;
    this.dialog = byId("sketch");
    this.canvas = byId("canvas");
    this.context = this.canvas.getContext("2d");
    byId("shapes").append(...TOOLS.map((tool) => choice("tool", tool, toolIcon(tool), tool === "circle")));
    byId("sizes").append(...Object.keys(SIZES).map((size) => choice("size", size, sizeIcon(size), size === "medium")));
    byId("colours").append(...Object.keys(COLOURS).map((name) => choice("colour", name, swatch(COLOURS[name]), name === "red")));
    byId("backgrounds").append(
      ...Object.keys(BACKGROUNDS).map((name) => choice("background", name, swatch(BACKGROUNDS[name]), name === "white")),
    );
    byId("backgrounds").addEventListener("change", () => this.#paint());
    byId("undo").addEventListener("click", () => this.#undo());
    byId("clear").addEventListener("click", () => this.#change([]));
    byId("close").addEventListener("click", () => this.dialog.close());
    byId("use").addEventListener("click", () => this.#use());
    // Enter in a choice submits a form; here that would be a surprise.
    byId("sketch-form").addEventListener("submit", (event) => event.preventDefault());
    this.canvas.addEventListener("pointerdown", (event) => this.#onDown(event));
    this.canvas.addEventListener("pointermove", (event) => this.#onMove(event));
    this.canvas.addEventListener("pointerup", () => this.#onUp());
    this.canvas.addEventListener("pointercancel", () => this.#onUp());
    this.canvas.addEventListener("keydown", (event) => this.#onKey(event));
    this.canvas.addEventListener("blur", () => this.#movePen(null));
    this.dialog.addEventListener("keydown", (event) => {
      if (event.key === "z" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.#undo();
      }
    });
    this.#paint();
  }

  open() {
    this.dialog.showModal();
  }

  #chosen(name) {
    return byId("sketch-form").elements[name].value;
  }

  #newMark(x, y) {
    const tool = this.#chosen("tool");
    const { width, radius } = SIZES[this.#chosen("size")];
    const colour = COLOURS[this.#chosen("colour")];
    return tool === "brush" ? { tool, points: [[x, y]], width, colour } : { tool, x, y, radius, colour };
  }

  #onDown(event) {
    if (event.button === 0) {
      event.preventDefault();
      this.canvas.setPointerCapture(event.pointerId);
      this.#current = this.#newMark(...this.#position(event));
      this.#paint();
    }
  }

  #onMove(event) {
    const mark = this.#current;
    if (!mark) {
      return;
    }
    const [x, y] = this.#position(event);
    if (mark.tool === "brush") {
      mark.points.push([x, y]);
    } else {
      // A shape can be pulled to another place until it is let go.
      Object.assign(mark, { x, y });
    }
    this.#paint();
  }

  #onUp() {
    if (this.#current) {
      const mark = this.#current;
      this.#current = null;
      this.#change([...this.#marks, mark]);
    }
  }

  #onKey(event) {
    const steps = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    const { width, height } = this.canvas;
    const [x, y] = this.#pen ?? [width / 2, height / 2];
    if (event.key in steps) {
      event.preventDefault();
      const [dx, dy] = steps[event.key];
      this.#movePen([Math.min(Math.max(x + dx, 0), width), Math.min(Math.max(y + dy, 0), height)]);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.#pen = [x, y];
      this.#change([...this.#marks, this.#newMark(x, y)]);
    }
  }

  #movePen(position) {
    this.#pen = position;
    this.#paint();
  }

  #position(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  #undo() {
    this.#change(this.#marks.slice(0, -1));
  }

  #change(marks) {
    this.#marks = marks;
    byId("undo").disabled = byId("clear").disabled = !marks.length;
    this.canvas.ariaLabel = plural("Your drawing: {number} mark", "Your drawing: {number} marks", marks.length);
    this.#paint();
  }

  #paint() {
    const { context, canvas } = this;
    const pen = this.#pen;
    context.fillStyle = BACKGROUNDS[this.#chosen("background")];
    context.fillRect(0, 0, canvas.width, canvas.height);
    [...this.#marks, this.#current].filter(Boolean).forEach((mark) => drawMark(context, mark));
    if (pen) {
      context.save();
      context.globalCompositeOperation = "difference";
      context.strokeStyle = "#ffffff";
      context.lineWidth = 2;
      context.strokeRect(pen[0] - 9, pen[1] - 9, 18, 18);
      context.restore();
    }
  }

  #use() {
    this.#movePen(null);
    this.canvas.toBlob((blob) => {
      this.dialog.close();
      this.#change([]);
      this.onUse(new File([blob], "drawing.png", { type: "image/png" }));
    }, "image/png");
  }
}

function choice(name, value, picture, checked) {
  const input = element("input", { type: "radio", name, value, checked, ariaLabel: NAMES[value] });
  return element("label", { title: NAMES[value] }, input, picture);
}

function drawing(size, draw) {
  const canvas = element("canvas", { width: 2 * size, height: 2 * size, className: "glyph", ariaHidden: "true" });
  const context = canvas.getContext("2d");
  context.scale(2, 2);
  draw(context);
  return canvas;
}

function toolIcon(tool) {
  return drawing(20, (context) => {
    const mark = tool === "brush"
      ? { tool, points: [[3, 14], [7, 7], [12, 13], [17, 5]], width: 2.5 }
      : { tool, x: 10, y: 10, radius: 8.5 };
    drawMark(context, { ...mark, colour: "#7d837f" });
  });
}

function sizeIcon(size) {
  const radius = { small: 3, medium: 5.5, big: 9 }[size];
  return drawing(20, (context) => drawMark(context, { tool: "circle", x: 10, y: 10, radius, colour: "#7d837f" }));
}

function swatch(colour) {
  const made = element("span", { className: "swatch" });
  made.style.backgroundColor = colour;
  return made;
}
