// Spectrograms: levels of a short-time Fourier transform, over time and on the mel scale.

const COLUMNS = 1000;
const ROWS = 144;
const RANGE_DB = 80;
const WINDOW_SECONDS = 0.046;
const MAGMA = [
  [0, 0, 4], [29, 17, 71], [81, 18, 124], [131, 38, 129], [183, 55, 121],
  [231, 82, 99], [252, 137, 97], [254, 196, 136], [252, 253, 191],
];

const melOf = (hertz) => 2595 * Math.log10(1 + hertz / 700);
const hertzOf = (mel) => 700 * (10 ** (mel / 2595) - 1);

/** A Fourier transform of `size` complex numbers, a power of two, in place (Cooley and Tukey 1965). */
function makeTransform(size) {
  const cosines = Float32Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size));
  const sines = Float32Array.from({ length: size / 2 }, (_, k) => -Math.sin((2 * Math.PI * k) / size));
  const reversed = new Uint32Array(size);
  for (let i = 1; i < size; i++) reversed[i] = (reversed[i >> 1] >> 1) | (i & 1 ? size >> 1 : 0);
  return (real, imaginary) => {
    for (let i = 0; i < size; i++) {
      const j = reversed[i];
      if (j > i) {
        [real[i], real[j]] = [real[j], real[i]];
        [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
      }
    }
    for (let half = 1; half < size; half *= 2) {
      const step = size / (2 * half);
      for (let start = 0; start < size; start += 2 * half) {
        for (let k = 0; k < half; k++) {
          const a = start + k, b = a + half, c = cosines[k * step], s = sines[k * step];
          const x = real[b] * c - imaginary[b] * s, y = real[b] * s + imaginary[b] * c;
          real[b] = real[a] - x; imaginary[b] = imaginary[a] - y;
          real[a] += x; imaginary[a] += y;
        }
      }
    }
  };
}

/** For every row of a picture, from the top, the first bin that it shows and the one after the last. */
function rowsOfBins(size, rate) {
  const top = melOf(rate / 2);
  const bin = (row) => (hertzOf((top * (ROWS - row)) / ROWS) * size) / rate;
  return Array.from({ length: ROWS }, (_, row) => {
    const low = Math.min(Math.floor(bin(row + 1)), size / 2 - 1);
    return [low, Math.max(low + 1, Math.min(Math.floor(bin(row)), size / 2))];
  });
}

/** Levels in dB, COLUMNS of ROWS each, of the mean of a buffer's channels. */
function spectrogram(buffer) {
  const size = 2 ** Math.max(5, Math.round(Math.log2(WINDOW_SECONDS * buffer.sampleRate)));
  const transform = makeTransform(size);
  const rows = rowsOfBins(size, buffer.sampleRate);
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, c) => buffer.getChannelData(c));
  const hann = Float32Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
  const real = new Float32Array(size), imaginary = new Float32Array(size);
  const levels = new Float32Array(COLUMNS * ROWS);
  for (let column = 0; column < COLUMNS; column++) {
    const start = Math.round(((column + 0.5) / COLUMNS) * buffer.length) - size / 2;
    for (let i = 0; i < size; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[start + i] || 0;
      real[i] = (sum / channels.length) * hann[i];
    }
    imaginary.fill(0);
    transform(real, imaginary);
    rows.forEach(([low, high], row) => {
      let power = 0;
      for (let k = low; k < high; k++) power += real[k] ** 2 + imaginary[k] ** 2;
      levels[column * ROWS + row] = 10 * Math.log10(power / (high - low) + 1e-20);
    });
  }
  return levels;
}

/** The level that all but the loudest of a thousand points stay below. */
const loudLevel = (levels) => Float32Array.from(levels).sort()[Math.floor(levels.length * 0.999)];

function draw(canvas, levels, top) {
  canvas.width = COLUMNS;
  canvas.height = ROWS;
  const context = canvas.getContext("2d");
  const image = context.createImageData(COLUMNS, ROWS);
  for (let column = 0; column < COLUMNS; column++) {
    for (let row = 0; row < ROWS; row++) {
      const level = (levels[column * ROWS + row] - top) / RANGE_DB + 1;
      const shade = Math.max(0, Math.min(1, level)) * (MAGMA.length - 1);
      const index = Math.min(Math.floor(shade), MAGMA.length - 2);
      const pixel = 4 * (row * COLUMNS + column);
      for (let c = 0; c < 3; c++) {
        image.data[pixel + c] = MAGMA[index][c] + (shade - index) * (MAGMA[index + 1][c] - MAGMA[index][c]);
      }
      image.data[pixel + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}
