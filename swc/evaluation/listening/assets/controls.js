// Buttons, pointer and keyboard.

const DRAG = 5; // pixels; a longer movement is a drag and not a click

/** Seek where a picture is clicked, loop what is dragged across. */
function watch(image) {
  const at = (event) => {
    const box = image.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * player.duration;
  };
  const span = (event) => ({ start: Math.min(begun.seconds, at(event)), stop: Math.max(begun.seconds, at(event)) });
  const dragged = (event) => begun && Math.abs(event.clientX - begun.x) >= DRAG;
  let begun = null;
  image.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    begun = { x: event.clientX, seconds: at(event) };
    image.setPointerCapture(event.pointerId);
  });
  image.addEventListener("pointermove", (event) => {
    if (dragged(event)) outline(span(event));
  });
  image.addEventListener("pointerup", (event) => {
    if (dragged(event)) setRegion(span(event));
    else if (begun) seek(begun.seconds);
    begun = null;
  });
  image.addEventListener("pointercancel", () => {
    begun = null;
    showLoop();
  });
}

const togglePlay = () => (player.playing ? player.pause() : player.play());

/** What a key does, or undefined. */
function actionOf(event) {
  const { key, shiftKey } = event;
  const low = key.toLowerCase();
  const number = "123456789".indexOf(key) + (blind ? 1 : 0);
  if (key.length === 1 && key >= "1" && key <= "9") return number < slots.length ? () => choose(number) : undefined;
  const letter = LETTERS.indexOf(low.toUpperCase());
  if (blind && !shiftKey && low.length === 1 && letter >= 0 && letter + 1 < slots.length) return () => choose(letter + 1);
  const step = shiftKey ? 0.1 : 1;
  const actions = {
    " ": togglePlay,
    0: () => choose(0),
    r: () => choose(0),
    arrowup: () => choose(Math.max(0, chosen - 1)),
    arrowdown: () => choose(Math.min(slots.length - 1, chosen + 1)),
    arrowleft: () => seek(player.position - step),
    arrowright: () => seek(player.position + step),
    home: () => seek(looping && region ? region.start : 0),
    "[": () => setRegion({ start: player.position, stop: region?.stop > player.position ? region.stop : player.duration }),
    "]": () => setRegion({ start: region?.start < player.position ? region.start : 0, stop: player.position }),
    l: toggleLoop,
    escape: forgetRegion,
    m: toggleMatch,
    b: () => setBlind(!shiftKey),
    "?": () => byId("keys").showModal(),
  };
  return actions[low];
}

/** Whether the focused element wants the key for itself. */
function isTaken({ key, target }) {
  if (target.matches("select")) return true;
  if (target.matches(".score input")) return /^(Arrow|Home|End|Page)/.test(key);
  return key === " " && target.matches("button:not(.pick[aria-pressed='true'])");
}

document.addEventListener("keydown", (event) => {
  if (!player || byId("keys").open || event.ctrlKey || event.metaKey || event.altKey || isTaken(event)) return;
  const action = actionOf(event);
  if (!action) return;
  event.preventDefault();
  action();
});

// A clicked button gives the focus back, so that Space still plays; from the keyboard it keeps it.
document.addEventListener("click", (event) => {
  if (event.detail) event.target.closest("button")?.blur();
});

byId("play").addEventListener("click", togglePlay);
byId("position").addEventListener("input", (event) => seek(Number(event.target.value)));
byId("loop").addEventListener("click", toggleLoop);
byId("match").addEventListener("click", toggleMatch);
byId("blind").addEventListener("click", () => setBlind(!blind));
byId("help").addEventListener("click", () => byId("keys").showModal());
byId("reveal").addEventListener("click", reveal);
byId("export").addEventListener("click", () => save(csvOf(recordings, rounds), "ratings.csv"));
byId("again").addEventListener("click", shuffleAgain);
byId("recording").addEventListener("change", (event) => show(Number(event.target.value)));

function show(index) {
  load(index).catch((error) => say(`This browser cannot decode the audio: ${error.message}`));
}

byId("choose").hidden = recordings.length < 2;
recordings.forEach(({ name }, index) => byId("recording").append(new Option(name, index)));
show(0);
tick();
