// The page: what happens on the server is shown, what people do is sent.

import * as api from "./api.js";
import { Composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { byId } from "./dom.js";
import { Samples } from "./samples.js";
import { Sketch } from "./sketch.js";
import { language, languages, speak, t } from "./words.js";

const BUILT_IN = "demo";

function complain(sentence) {
  byId("problem").textContent = sentence;
  byId("problem").hidden = !sentence;
}

async function attempt(action) {
  try {
    await action();
    complain("");
  } catch (error) {
    if (!(error instanceof api.Refused)) {
      throw error;
    }
    complain(error.message);
  }
}

function announce(text) {
  byId("status").textContent = text;
}

const composer = new Composer({ send: api.ask, complain });
const conversation = new Conversation(byId("conversation"), {
  onStop: (request) => attempt(() => api.stop(request)),
  onRegenerate: (request) => attempt(() => api.regenerate(request)),
  onContinue: (request) => attempt(() => api.continueAnswer(request)),
  onVersion: (request, version) => attempt(() => api.showVersion(request, version)),
  announce,
});
const samples = new Samples([byId("welcome-samples"), byId("tray-samples")], (file) => {
  showTray(false);
  composer.add([file]);
});
const sketch = new Sketch((file) => composer.add([file]));

function showTray(shown) {
  byId("tray").hidden = !shown;
  byId("toggle-tray").ariaExpanded = String(shown);
}

function showWelcome() {
  byId("welcome").hidden = !conversation.isEmpty;
  byId("toggle-tray").hidden = conversation.isEmpty;
  byId("afresh").hidden = conversation.isEmpty;
}

function showModel(model) {
  const builtIn = model === BUILT_IN;
  byId("model").textContent = builtIn ? t("built-in model") : model;
  byId("knows").textContent = builtIn
    ? t("The built-in model is tiny: it knows simple drawings, with their shapes, colours, sizes, places and numbers. Photos are beyond it.")
    : t("Ask what is there, have it described or sorted, and ask on: the model remembers your pictures.");
}

let settingsAreShown = false;

api.listen(
  {
    conversation({ model, settings, examples, exchanges }) {
      showModel(model);
      composer.examples.show(examples);
      if (!settingsAreShown) {
        composer.task.begin(settings);
        composer.refresh();
        settingsAreShown = true;
      }
      conversation.show(exchanges);
      showWelcome();
    },
    question(question) {
      conversation.showQuestion(question);
      showWelcome();
    },
    answer(answer) {
      conversation.showAnswer(answer);
    },
    forgotten(question) {
      conversation.forget(question);
      showWelcome();
    },
  },
  (online) => {
    if (online && !byId("offline").hidden) {
      complain(""); // most likely that it could not be reached
    }
    byId("offline").hidden = online;
  },
);
for (const [other, name] of Object.entries(languages)) {
  byId("language").append(new Option(name, other, false, other === language));
}
byId("language").addEventListener("change", () => speak(byId("language").value));
samples.shuffle();
if (matchMedia("(pointer: fine)").matches) {
  byId("hint").textContent = t("Enter sends, Shift and Enter begin a new line, Escape stops the answer.");
}

byId("others").addEventListener("click", () => samples.shuffle());
byId("toggle-tray").addEventListener("click", () => {
  if (byId("tray").hidden) {
    samples.shuffle();
  }
  showTray(byId("tray").hidden);
});
for (const id of ["draw", "welcome-draw"]) {
  byId(id).addEventListener("click", () => sketch.open());
}
for (const id of ["pick", "welcome-pick"]) {
  byId(id).addEventListener("click", () => byId("files").click());
}
byId("files").addEventListener("change", () => {
  composer.add(byId("files").files);
  byId("files").value = "";
});
byId("afresh").addEventListener("click", () => {
  if (confirm(t("Begin a new conversation? This one is deleted."))) {
    attempt(api.forgetConversation);
    composer.focus();
  }
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) {
    event.preventDefault();
    composer.add(event.clipboardData.files);
  }
});
document.addEventListener("keydown", (event) => {
  const request = conversation.unfinished;
  if (event.key === "Escape" && request && !byId("sketch").open) {
    attempt(() => api.stop(request));
  }
});

let dragged = 0; // entering a child comes before leaving its parent
function isFileDrag(event) {
  return event.dataTransfer?.types.includes("Files");
}
function drag(change) {
  return (event) => {
    if (isFileDrag(event)) {
      event.preventDefault();
      dragged = change(dragged);
      byId("drop").hidden = dragged <= 0;
    }
  };
}
document.addEventListener("dragenter", drag((count) => count + 1));
document.addEventListener("dragover", drag((count) => count));
document.addEventListener("dragleave", drag((count) => count - 1));
document.addEventListener("drop", (event) => {
  drag(() => 0)(event);
  if (isFileDrag(event)) {
    composer.add(event.dataTransfer.files);
  }
});
