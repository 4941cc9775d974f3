// The page's own words in the reader's language, and the direction in which they run.

const wanted = document.cookie.match(/(?:^|; )language=([a-z]{2})/)?.[1];
const asked = wanted ?? navigator.languages.map((name) => name.slice(0, 2)).join(",");
const { language, rtl, messages, forms, languages } = await (await fetch(`/words?language=${asked}`)).json();

export { language, languages };

/** A sentence, with its values in the places that it names: t("Picture {number}", { number: 2 }). */
export function t(message, values = {}) {
  return filled(messages[message] ?? message, values);
}

/** The form of a sentence that goes with a number, which it names as {number}. */
export function plural(one, many, number) {
  const form = forms.indexOf(new Intl.PluralRules(language).select(number));
  const said = messages[one]?.[form] ?? (number === 1 ? one : many);
  return filled(said, { number: numeral(number) });
}

/** A number as it is written in the language, in the digits that the server uses too. */
export function numeral(number, options = {}) {
  return number.toLocaleString(language, { numberingSystem: "latn", ...options });
}

/** From now on the page is in this language. */
export function speak(other) {
  document.cookie = `language=${other}; path=/; max-age=31536000; samesite=strict`;
  location.reload();
}

function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

/** Puts what the page's source says in English into words. */
function translate(root) {
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const said = texts.currentNode.data.trim().replace(/\s+/g, " ");
    if (said in messages) {
      texts.currentNode.data = texts.currentNode.data.replace(/\S[\s\S]*\S|\S/, () => messages[said]);
    }
  }
  for (const attribute of ["title", "aria-label", "placeholder"]) {
    for (const one of root.querySelectorAll(`[${attribute}]`)) {
      one.setAttribute(attribute, t(one.getAttribute(attribute)));
    }
  }
}

document.documentElement.lang = language;
document.documentElement.dir = rtl ? "rtl" : "ltr";
translate(document.body);
