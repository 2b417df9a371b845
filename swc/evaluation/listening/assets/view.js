// The elements of the page. All text is inserted as text, never as HTML.

const HERTZ = [[1000, "1 kHz"], [4000, "4 kHz"], [16000, "16 kHz"]];
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60];
const MOST_TICKS = 10;

const byId = (id) => document.getElementById(id);
const clock = (seconds) => `${seconds.toFixed(2)} s`;
const percent = (share) => `${100 * share}%`;

function element(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function gainText(decibels) {
  const text = Math.abs(decibels).toFixed(1);
  return `${text === "0.0" ? "" : decibels < 0 ? "−" : "+"}${text} dB`;
}

function factsOf(version, isOriginal, matched) {
  const facts = [];
  if (version.kbps !== null) facts.push(`${version.kbps.toFixed(2)} kbit/s`);
  if (matched && !isOriginal) facts.push(`level ${gainText(version.gain_db)}`);
  if (version.note) facts.push(version.note);
  return facts;
}

/** What can be listened to, top to bottom: {key, version, title, facts (some lines), letter}. */
function slotsOf(recording, round, matched) {
  if (!round) {
    return recording.versions.map((version, index) => ({
      key: String(index + 1), version: index, title: version.name, facts: factsOf(version, index === 0, matched), letter: null,
    }));
  }
  const hidden = round.order.map((number, letter) => {
    const version = recording.versions[number];
    return {
      key: LETTERS[letter], version: number, letter,
      title: round.revealed ? version.name : `Version ${LETTERS[letter]}`,
      facts: round.revealed ? factsOf(version, number === 0, matched) : [],
    };
  });
  return [{ key: "R", version: 0, title: "Reference", facts: ["the original"], letter: null }, ...hidden];
}

function pickButton(slot) {
  const label = element("span", {}, element("b", { textContent: slot.title }));
  label.append(...slot.facts.map((fact) => element("small", { textContent: fact })));
  const button = element("button", { type: "button", className: "pick" }, element("kbd", { textContent: slot.key }), label);
  button.setAttribute("aria-keyshortcuts", slot.key);
  return button;
}

function picture(title, levels, top, rate) {
  const canvas = element("canvas", { role: "img", ariaLabel: `Spectrogram of ${title}` });
  draw(canvas, levels, top);
  const marks = HERTZ.filter(([hertz]) => hertz < 0.45 * rate).map(([hertz, text]) => {
    const mark = element("span", { className: "hertz", textContent: text, ariaHidden: "true" });
    mark.style.bottom = percent(melOf(hertz) / melOf(rate / 2));
    return mark;
  });
  const overlays = [element("div", { className: "region" }), element("div", { className: "head" })];
  return element("div", { className: "picture" }, canvas, ...marks, ...overlays);
}

/** A slider from 0 to 100; `rate` is called with its new value. */
function scoreSlider(slot, round, rate) {
  const words = element("div", { className: "words", ariaHidden: "true" });
  words.append(...WORDS.map((word) => element("span", { textContent: word })));
  const slider = element("input", { type: "range", min: 0, max: 100, step: 1, disabled: round.revealed });
  slider.setAttribute("aria-label", `Score of version ${slot.key}`);
  const output = element("span", { className: "value", ariaHidden: "true" });
  const box = element("div", { className: "score" }, slider, output, words);
  const show = () => {
    const rating = round.ratings[slot.letter];
    slider.value = rating ? rating.score : 50;
    const text = rating ? `${rating.score}, ${wordOf(rating.score)}` : "not rated";
    slider.setAttribute("aria-valuetext", text);
    output.textContent = text;
    box.classList.toggle("unrated", !rating);
  };
  slider.addEventListener("input", () => {
    rate(Number(slider.value));
    show();
  });
  show();
  return box;
}

function showAxis(duration) {
  const step = STEPS.find((seconds) => duration / seconds <= MOST_TICKS) ?? STEPS.at(-1);
  const axis = byId("axis").firstElementChild;
  axis.replaceChildren();
  for (let tick = 0; tick * step <= duration * 0.98; tick++) {
    const digits = step < 1 ? 1 : 0;
    const mark = element("span", { textContent: `${(tick * step).toFixed(digits)}${tick ? "" : " s"}` });
    mark.style.left = percent((tick * step) / duration);
    axis.append(mark);
  }
}
