// Questions and answers on the page.

import { byId, element, icon } from "./dom.js";
import { numeral, plural, t } from "./words.js";

const UNFINISHED = new Set(["waiting", "running"]);
const NEAR = 120; // pixels from the end within which the page follows what is written

const MOST_BARS = 6;

const WITHOUT_TEXT = {
  stopped: t("Stopped before it began."),
  failed: t("There is no answer, as something went wrong."),
  done: t("The model had nothing to say."),
};

/** Shows exchanges in `place`; `onStop` and `onRegenerate` get a request's id, `announce` a text to be read out. */
export class Conversation {
  #exchanges = new Map();

  constructor(place, { onStop, onRegenerate, onContinue, onVersion, announce }) {
    this.place = place;
    this.onStop = onStop;
    this.onRegenerate = onRegenerate;
    this.onContinue = onContinue;
    this.onVersion = onVersion;
    this.announce = announce;
    // Who reads the end stays there while the page grows; who has gone back is left alone.
    let near = true;
    let seen = scrollY;
    addEventListener("scroll", () => {
      // Only going back leaves the end: when a picture makes the page longer, the end goes away by itself.
      near = isNearEnd() || (near && scrollY >= seen);
      seen = scrollY;
    });
    new ResizeObserver(() => {
      if (near && !this.isEmpty) {
        scrollToEnd();
      }
    }).observe(document.body);
  }

  get isEmpty() {
    return this.#exchanges.size === 0;
  }

  /** The newest request that is not finished. */
  get unfinished() {
    return [...this.#exchanges.values()].findLast(({ answer }) => UNFINISHED.has(answer?.state))?.answer.request;
  }

  /** Replaces everything. */
  show(exchanges) {
    this.#exchanges.clear();
    this.place.replaceChildren();
    for (const { question, answer } of exchanges) {
      this.showQuestion(question);
      if (answer) {
        this.showAnswer(answer);
      }
    }
    scrollToEnd();
  }

  showQuestion(question) {
    if (this.#exchanges.has(question.id)) {
      return;
    }
    const place = element("div", { className: "answer" });
    const article = element("article", { className: "exchange" }, questionElement(question), place);
    this.#exchanges.set(question.id, { article, place });
    this.place.append(article);
    scrollToEnd();
  }

  showAnswer(answer) {
    const exchange = this.#exchanges.get(answer.request);
    if (!exchange) {
      return;
    }
    const wasUnfinished = UNFINISHED.has(exchange.answer?.state);
    const isUnfinished = UNFINISHED.has(answer.state);
    exchange.answer = answer;
    exchange.place.setAttribute("aria-busy", String(isUnfinished));
    // While text comes in, only the text changes, so that a button keeps the focus.
    const text = exchange.place.querySelector(".answer-text");
    if (text && answer.text && wasUnfinished && isUnfinished) {
      text.textContent = answer.text;
    } else {
      this.#build(exchange.place, answer, isUnfinished);
    }
    if (wasUnfinished && !isUnfinished) {
      this.announce([answer.text, ...answer.notes].filter(Boolean).join(" ") || WITHOUT_TEXT[answer.state]);
    }
  }

  forget({ id }) {
    this.#exchanges.get(id)?.article.remove();
    this.#exchanges.delete(id);
  }

  #build(place, answer, isUnfinished) {
    const hadFocus = place.contains(document.activeElement);
    const parts = [];
    if (answer.text) {
      parts.push(element("p", { className: "answer-text", dir: "auto", textContent: answer.text }));
    } else if (isUnfinished) {
      parts.push(element("p", { className: "thinking", textContent: waitingText(answer.place) }));
    }
    const notes = answer.text || isUnfinished || answer.notes.length ? answer.notes : [WITHOUT_TEXT[answer.state]];
    parts.push(...notes.map((note) => element("p", { className: "note", dir: "auto", textContent: note })));
    parts.push(...answer.rankings.flatMap(rankingElements));
    const below = element("div", { className: "below" });
    if (isUnfinished) {
      below.append(this.#button("stop", t("Stop"), () => this.onStop(answer.request)));
    } else if (answer.regenerates) {
      below.append(this.#button("again", t("Regenerate"), () => this.onRegenerate(answer.request)));
    }
    if (!isUnfinished && answer.continues) {
      below.append(this.#button("continue", t("Continue"), () => this.onContinue(answer.request)));
    }
    if (!isUnfinished && answer.versions > 1) {
      below.append(this.#versions(answer));
    }
    if (answer.speed) {
      below.append(element("span", { className: "speed", textContent: speedText(answer.speed) }));
    }
    place.replaceChildren(...parts, ...(below.hasChildNodes() ? [below] : []));
    if (hadFocus) {
      (below.querySelector("button") ?? byId("text")).focus();
    }
  }

  #versions({ request, version, versions }) {
    const button = (label, text, to) => {
      const one = element("button", { type: "button", className: "quiet", title: label, ariaLabel: label }, text);
      one.disabled = to < 1 || to > versions;
      one.addEventListener("click", () => this.onVersion(request, to));
      return one;
    };
    return element(
      "span",
      { className: "versions" },
      button(t("Earlier answer"), "‹", version - 1),
      element("span", {}, `${version}/${versions}`),
      button(t("Later answer"), "›", version + 1),
    );
  }

  #button(name, label, action) {
    const button = element("button", { type: "button", className: "quiet" }, icon(name), element("span", {}, label));
    button.addEventListener("click", action);
    return button;
  }
}

/** The bars of one picture, under its number where there are several. */
function rankingElements(ranked, index, { length }) {
  const rows = ranked.slice(0, MOST_BARS).map(([label, share]) => {
    const percent = numeral(share, { style: "percent" });
    const filled = element("div");
    filled.style.inlineSize = `${share * 100}%`;
    const bar = element("div", { className: "share", ariaHidden: "true" }, filled);
    return element("li", {}, element("bdi", {}, label), element("span", {}, percent), bar);
  });
  const title = element("p", { className: "ranking-title" }, t("Picture {number}", { number: index + 1 }));
  return [...(length > 1 ? [title] : []), element("ol", { className: "ranking" }, ...rows)];
}

function questionElement({ text, photos }) {
  const question = element("div", { className: "question" });
  if (photos.length) {
    const shown = photos.map(({ sha256, width, height }, number) => {
      const address = `/photos/${sha256}`;
      const alt = photos.length > 1 ? t("Picture {number} of the question", { number: number + 1 }) : t("The picture of the question");
      const image = element("img", { src: address, alt, width, height });
      return element("li", {}, element("a", { href: address, target: "_blank", rel: "noopener" }, image));
    });
    question.append(element("ul", { className: "photos" }, ...shown));
  }
  if (text) {
    question.append(element("p", { className: "question-text", dir: "auto", textContent: text }));
  }
  return question;
}

function waitingText(place) {
  if (place > 1) {
    return plural("Waiting: {number} answer before this one", "Waiting: {number} answers before this one", place - 1);
  }
  return place === 1 ? t("Waiting: next in line") : t("Looking");
}

function speedText({ first_token_seconds: first, tokens_per_second: rate, tokens }) {
  const parts = [t("{time} to the first token", { time: seconds(first) })];
  if (rate !== null) {
    parts.push(t("{rate} tokens/s", { rate: numeral(rate, { maximumFractionDigits: rate >= 10 ? 0 : 1 }) }));
  }
  parts.push(plural("{number} token", "{number} tokens", tokens));
  return parts.join(" · ");
}

function seconds(value) {
  const [amount, unit, maximumFractionDigits] =
    value < 0.1 ? [value * 1000, "millisecond", 0] : [value, "second", value < 10 ? 2 : 0];
  return numeral(amount, { style: "unit", unit, maximumFractionDigits });
}

function isNearEnd() {
  const page = document.documentElement;
  return page.scrollHeight - page.clientHeight - page.scrollTop < NEAR;
}

function scrollToEnd() {
  document.documentElement.scrollTop = document.documentElement.scrollHeight;
}
