// A small plot of the last minutes: lines, areas or bars over time, with a cursor that all plots share.

import { language } from "./words.js";

const WIDTH = 360;
const HEIGHT = 136;
const LEFT = 4;
const RIGHT = 4;
const TOP = 14;
const BOTTOM = 18;
const GAP_S = 30; // between two values that a line does not join
const SVG = "http://www.w3.org/2000/svg";

function shape(name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    node.setAttribute(key, value);
  }
  if (text !== undefined) {
    node.textContent = text;
  }
  return node;
}

const STEPS = [1, 2, 3, 4, 5, 6, 8, 10];

/** The least of the round numbers 1, 2, 3, 4, 5, 6, 8, 10, 20, … that is not below `value`. */
function rounded(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return STEPS.map((step) => step * power).find((step) => step >= value * 0.999);
}

export class Plot {
  /**
   * `series` are { field, label, look, kind }: `look` is a class, `kind` is "area", "line" or "bar". `format`
   * makes a text of a value; `least` is what the axis reaches at least. `moved` is called with the moment under
   * the pointer, and with null when it leaves.
   */
  constructor(title, series, { format, least, broad = false, share = false, moved }) {
    this.title = title;
    this.series = series;
    this.format = format;
    this.least = least;
    this.share = share;
    this.element = document.createElement("figure");
    this.element.className = broad ? "plot broad" : "plot";
    this.element.style.margin = "0";
    const header = document.createElement("header");
    const heading = document.createElement("h2");
    heading.textContent = title;
    header.append(heading);
    this.keys = series.map(({ label, look }) => {
      const key = document.createElement("span");
      key.className = `key ${look}`;
      const value = document.createElement("b");
      key.append(label ? `${label} ` : "", value);
      header.append(key);
      return value;
    });
    this.svg = shape("svg", { role: "img" });
    this.element.append(header, this.svg);
    this.svg.addEventListener("pointermove", (event) => moved(this.momentAt(event)));
    this.svg.addEventListener("pointerleave", () => moved(null));
  }

  momentAt(event) {
    const box = this.svg.getBoundingClientRect();
    return this.begin + ((event.clientX - box.left) / box.width) * (this.end - this.begin);
  }

  /** Shows `samples`, arrays by field, over the time from `begin` to `end`, in seconds. */
  draw(samples, begin, end) {
    this.samples = samples;
    this.begin = begin;
    this.end = end;
    this.width = this.svg.clientWidth || WIDTH;
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
    const values = this.series.flatMap(({ field }) => samples[field]).filter((value) => value !== null);
    this.top = this.share ? 1 : rounded(Math.max(this.least, ...values));
    const parts = [...this.frame()];
    for (const one of this.series) {
      parts.push(...this.marks(one));
    }
    this.cursor = shape("g", { class: "pointed" });
    this.svg.replaceChildren(...parts, this.cursor);
    this.point(this.pointed ?? null);
  }

  x(time) {
    const part = (time - this.begin) / (this.end - this.begin);
    return LEFT + part * (this.width - LEFT - RIGHT);
  }

  y(value) {
    return HEIGHT - BOTTOM - (value / this.top) * (HEIGHT - TOP - BOTTOM);
  }

  *frame() {
    const right = this.width - RIGHT;
    yield shape("line", { class: "grid", x1: LEFT, x2: right, y1: this.y(this.top), y2: this.y(this.top) });
    yield shape("line", { class: "grid", x1: LEFT, x2: right, y1: this.y(this.top / 2), y2: this.y(this.top / 2) });
    yield shape("line", { class: "base", x1: LEFT, x2: right, y1: this.y(0), y2: this.y(0) });
    yield shape("text", { x: LEFT, y: this.y(this.top) - 4 }, this.format(this.top));
    const minutes = new Intl.NumberFormat(language, { style: "unit", unit: "minute", unitDisplay: "short" });
    for (const ago of [15, 10, 5]) {
      const anchor = ago === 15 ? "start" : "middle";
      const label = shape("text", { x: this.x(this.end - ago * 60), y: HEIGHT - 4, "text-anchor": anchor });
      label.textContent = `−${minutes.format(ago)}`;
      yield label;
    }
    const clock = new Date(this.end * 1000).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
    yield shape("text", { x: right, y: HEIGHT - 4, "text-anchor": "end" }, clock);
  }

  *marks({ field, look, kind }) {
    const points = this.samples.time
      .map((time, place) => [time, this.samples[field][place]])
      .filter(([time, value]) => value !== null && time >= this.begin);
    if (kind === "bar") {
      for (const [time, value] of points.filter(([, value]) => value > 0)) {
        const y = Math.min(this.y(value), this.y(0) - 2);
        yield shape("rect", { class: `bar ${look}`, x: this.x(time) - 1.5, y, width: 3, height: this.y(0) - y, rx: 1 });
      }
      return;
    }
    if (!points.length) {
      return;
    }
    const runs = [];
    for (const [number, point] of points.entries()) {
      if (!number || point[0] - points[number - 1][0] > GAP_S) {
        runs.push([]);
      }
      runs.at(-1).push(point);
    }
    const paths = runs.map((run) =>
      run.map(([time, value]) => `${this.x(time).toFixed(1)} ${this.y(value).toFixed(1)}`).join("L"),
    );
    if (kind === "area") {
      const base = this.y(0);
      const areas = runs.map((run, number) => {
        const [from, to] = [this.x(run[0][0]), this.x(run.at(-1)[0])];
        return `M${from} ${base}L${paths[number]}L${to} ${base}Z`;
      });
      yield shape("path", { class: `area ${look}`, d: areas.join("") });
    }
    // Of a value by itself the round ends of a line without length are seen.
    yield shape("path", { class: `stroke ${look}`, d: paths.map((path) => `M${path}h0`).join("") });
    const [time, value] = points.at(-1);
    yield shape("circle", { class: `dot ${look}`, cx: this.x(time), cy: this.y(value), r: 3.5 });
  }

  /** Shows the values at a moment; of null the newest. */
  point(moment) {
    this.pointed = moment;
    const times = this.samples.time;
    this.cursor.replaceChildren();
    const summary = [];
    for (const [number, { field, label, look, kind }] of this.series.entries()) {
      const column = this.samples[field];
      const place = this.placeAt(moment, column);
      const said = place < 0 ? "–" : this.format(column[place]);
      this.keys[number].textContent = said;
      summary.push(label ? `${label} ${said}` : said);
      if (moment !== null && place >= 0) {
        const x = this.x(times[place]);
        this.cursor.append(
          shape("line", { class: "cursor", x1: x, x2: x, y1: TOP, y2: this.y(0) }),
          ...(kind === "bar"
            ? []
            : [shape("circle", { class: `dot ${look}`, cx: x, cy: this.y(column[place]), r: 4 })]),
        );
      }
    }
    this.svg.setAttribute("aria-label", `${this.title}: ${summary.join(", ")}`);
  }

  /** Where in the column the value next to the moment is; -1 if there is none. */
  placeAt(moment, column) {
    const times = this.samples.time;
    const wanted = moment ?? times.at(-1);
    let found = -1;
    for (let place = times.length - 1; place >= 0; place -= 1) {
      if (column[place] !== null && (found < 0 || Math.abs(times[place] - wanted) < Math.abs(times[found] - wanted))) {
        found = place;
      }
    }
    return found;
  }
}
