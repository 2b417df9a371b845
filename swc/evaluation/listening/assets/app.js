// The page's state, and its changes.

const recordings = JSON.parse(byId("data").textContent);
const rounds = new Map(); // of blind tests, by recording

let shown = 0; // which recording
let player = null;
let pictures = []; // levels of every version's spectrogram
let top = 0; // their level that is shown brightest
let slots = [];
let chosen = 0; // the audible slot
let blind = false;
let matched = true;
let region = null; // {start, stop} in seconds
let looping = false;
let counted = 0; // time on the player's clock up to which listening was counted

const recording = () => recordings[shown];
const round = () => (blind ? rounds.get(shown) : null);
const say = (text) => (byId("status").textContent = text);

async function load(index) {
  player?.close();
  player = null;
  shown = index;
  region = null;
  const { name, rate, samples, start, versions } = recording();
  byId("name").textContent = name;
  const from = start > 0 ? `, from ${clock(start)} of the file` : "";
  byId("facts").textContent = `${clock(samples / rate)}, ${versions[0].channels} × ${rate} Hz${from}`;
  enable(false);
  byId("versions").replaceChildren();
  say("Decoding …");
  const buffers = await decodeAll(versions.map((version) => version.audio), rate);
  const drawn = [];
  for (const buffer of buffers) {
    drawn.push(spectrogram(buffer));
    await new Promise((resume) => setTimeout(resume));
  }
  if (shown !== index) return;
  pictures = drawn;
  top = loudLevel(pictures[0]);
  player = new Player(buffers, rate, showPlaying);
  counted = 0;
  byId("position").max = player.duration;
  enable(true);
  showAxis(player.duration);
  scale();
  setLoop();
  if (blind && !rounds.has(shown)) rounds.set(shown, new Round(versions.length));
  chosen = 0;
  render();
  showPlaying();
  say("Ready");
}

function enable(ready) {
  for (const control of byId("player").querySelectorAll("button, input")) control.disabled = !ready;
  byId("test").hidden = true;
}

function scale() {
  player.scale(recording().versions.map((version) => (matched ? 1 : version.unmatched)));
}

/** Make the rows of versions; the focus stays at its place in them. */
function render() {
  slots = slotsOf(recording(), round(), matched);
  const list = byId("versions");
  const controls = () => [...list.querySelectorAll("button, input")];
  const focused = controls().indexOf(document.activeElement);
  list.replaceChildren(...slots.map(row));
  controls()[focused]?.focus();
  byId("blind").setAttribute("aria-pressed", blind);
  byId("blind").textContent = blind ? "Leave the test" : "Blind test";
  byId("match").setAttribute("aria-pressed", matched);
  byId("test").hidden = !blind;
  byId("axis").hidden = blind;
  choose(Math.min(chosen, slots.length - 1), false);
  showLoop();
  if (blind) showProgress();
}

function row(slot, index) {
  const button = pickButton(slot);
  button.addEventListener("click", () => choose(index));
  const line = element("li", { className: "version" }, button);
  if (slot.letter === null) {
    const image = picture(slot.title, pictures[slot.version], top, recording().rate);
    watch(image);
    line.append(image);
  } else {
    line.append(scoreSlider(slot, round(), (score) => {
      round().rate(slot.letter, score, player.position, matched);
      showProgress();
    }));
  }
  return line;
}

function choose(index, aloud = true) {
  count();
  chosen = index;
  player.select(slots[index].version);
  [...byId("versions").children].forEach((line, i) => {
    line.classList.toggle("chosen", i === index);
    line.firstElementChild.setAttribute("aria-pressed", i === index);
  });
  if (aloud) say(`Now ${slots[index].title}`);
}

/** Add what was heard since the last call to the round's account. */
function count() {
  const now = player.context?.currentTime ?? 0;
  const letter = slots[chosen]?.letter;
  if (player.playing && blind && letter != null) round().heard[letter] += now - counted;
  counted = now;
}

function seek(seconds) {
  player.seek(seconds);
  showPosition();
}

function setLoop() {
  player.repeat(looping ? (region ?? { start: 0, stop: player.duration }) : null);
  showLoop();
  showPosition();
}

function setRegion({ start, stop }) {
  if (stop - start < LEAST_LOOP) {
    showLoop();
    say("Too short for a loop");
    return;
  }
  region = { start, stop };
  looping = true;
  setLoop();
  say(`Loop from ${clock(start)} to ${clock(stop)}`);
}

function forgetRegion() {
  region = null;
  looping = false;
  setLoop();
  say("No loop");
}

function toggleLoop() {
  looping = !looping;
  setLoop();
  say(looping ? "Loop on" : "Loop off");
}

function toggleMatch() {
  matched = !matched;
  scale();
  render();
  say(matched ? "Levels matched" : "Levels as they are");
}

function setBlind(on) {
  count();
  blind = on;
  if (blind && !rounds.has(shown)) rounds.set(shown, new Round(recording().versions.length));
  chosen = 0;
  render();
  say(blind ? "Rate each version against the reference; one of them equals it" : "Names are shown");
}

function reveal() {
  round().revealed = true;
  render();
  byId("export").focus();
}

function shuffleAgain() {
  count();
  rounds.set(shown, new Round(recording().versions.length));
  chosen = 0;
  render();
  say("Shuffled");
}

function showProgress() {
  const { rated, complete, revealed, order } = round();
  const finished = [...rounds.values()].filter((one) => one.revealed).length;
  const others = recordings.length > 1 ? `; ${finished} of ${recordings.length} recordings done` : "";
  const state = revealed ? "Names are shown" : `${rated} of ${order.length} rated`;
  byId("progress").textContent = `${state}${others}`;
  byId("reveal").disabled = !complete || revealed;
  byId("export").disabled = !finished;
}

function showPlaying() {
  byId("play").textContent = player.playing ? "Pause" : "Play";
  showPosition();
}

function showPosition() {
  const at = player.position, slider = byId("position");
  slider.value = at;
  const text = `${at.toFixed(2)} / ${clock(player.duration)}`;
  byId("time").textContent = text;
  if (!player.playing) slider.setAttribute("aria-valuetext", text); // otherwise it would be read out all the time
  byId("versions").style.setProperty("--at", percent(at / player.duration));
}

function showLoop() {
  const list = byId("versions");
  byId("loop").setAttribute("aria-pressed", looping);
  list.classList.toggle("looping", looping);
  list.classList.toggle("region", region !== null);
  if (region) outline(region);
}

function outline({ start, stop }) {
  const { style, classList } = byId("versions");
  classList.add("region");
  style.setProperty("--from", percent(start / player.duration));
  style.setProperty("--span", percent((stop - start) / player.duration));
}

function tick() {
  if (player?.playing) {
    count();
    showPosition();
  }
  requestAnimationFrame(tick);
}
