// A blind test after MUSHRA (Rec. ITU-R BS.1534): hidden versions, the reference among them, scored from 0 to 100.

const WORDS = ["Bad", "Poor", "Fair", "Good", "Excellent"];
const LETTERS = "ABCDEFGHI";

const wordOf = (score) => WORDS[Math.min(4, Math.floor(score / 20))];

/** A whole number from 0 to `count` - 1, all equally likely. */
function random(count) {
  const most = Math.floor(2 ** 32 / count) * count;
  let [number] = crypto.getRandomValues(new Uint32Array(1));
  while (number >= most) [number] = crypto.getRandomValues(new Uint32Array(1));
  return number % count;
}

/** The numbers from 0 to `count` - 1 in any order (Fisher and Yates). */
function shuffled(count) {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

class Round {
  constructor(count) {
    this.order = shuffled(count); // the version behind each letter
    this.ratings = Array(count).fill(null); // by letter: {score, position, matched, time}
    this.heard = Array(count).fill(0); // seconds
    this.revealed = false;
  }

  get rated() {
    return this.ratings.filter(Boolean).length;
  }

  get complete() {
    return this.rated === this.order.length;
  }

  rate(letter, score, position, matched) {
    this.ratings[letter] = { score, position, matched, time: new Date().toISOString() };
  }
}

const FIELDS = [
  "recording", "start_s", "duration_s", "letter", "version", "kbit_s", "gain_db", "levels_matched", "score",
  "position_s", "rated_at", "listened_s",
];

/** Ratings of finished rounds as CSV (RFC 4180): one line for each version. */
function csvOf(recordings, rounds) {
  const quoted = (value) => (/[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
  const lines = [FIELDS];
  for (const [index, round] of rounds) {
    if (!round.revealed) continue;
    const { name, start, samples, rate, versions } = recordings[index];
    round.order.forEach((number, letter) => {
      const version = versions[number], rating = round.ratings[letter];
      lines.push([
        name, start.toFixed(3), (samples / rate).toFixed(3), LETTERS[letter], version.name, version.kbps ?? "",
        version.gain_db, rating.matched ? "yes" : "no", rating.score, rating.position.toFixed(2), rating.time,
        round.heard[letter].toFixed(1),
      ]);
    });
  }
  return lines.map((line) => line.map(quoted).join(",") + "\r\n").join("");
}

function save(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
