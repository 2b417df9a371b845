/* The search for codes: distances to codebooks, a beam over the stages, a greedy choice of experts.
 *
 * What swc.nn.quantizers.beam and .search do with matrix products, without what they spend on small tensors. Each
 * vector is rounded alike whatever others are searched with it, and by whatever thread.
 *
 * Vectors have dim numbers, codebooks size codes. A key is what vectors are compared with, LANES codes side by side,
 * (padded / LANES, dim, LANES), where padded is size rounded up; the offsets of what is padded are infinite. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LANES 32
#define WIDE 16 /* numbers of a vector register, or of several where they are shorter */

typedef float wide __attribute__((vector_size(WIDE * sizeof(float)), aligned(4), may_alias));

typedef struct {
    const float *code;   /* (size, dim) */
    const float *key;    /* packed */
    const float *offset; /* (padded,): of a distance that is offset - 2 <vector, key> */
    int64_t size;
} Book;

/* Distances, less the vectors' own squares, of a few vectors to LANES codes, from `at` on: (rows, padded). */
typedef void Tile(const Book *book, ptrdiff_t at, const float *vectors, ptrdiff_t dim, float *distance,
                  ptrdiff_t padded);

static inline __attribute__((always_inline)) void tile(const Book *book, ptrdiff_t at, const float *vectors,
                                                       ptrdiff_t dim, float *distance, ptrdiff_t padded,
                                                       const int rows) {
    const float *key = book->key + at * dim;
    wide low[8] = {{0}}, high[8] = {{0}};
    for (ptrdiff_t d = 0; d < dim; d++, key += LANES) {
        const wide a = *(const wide *)key, b = *(const wide *)(key + WIDE);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            const float x = vectors[r * dim + d];
            low[r] += x * a;
            high[r] += x * b;
        }
    }
    const wide a = *(const wide *)(book->offset + at), b = *(const wide *)(book->offset + at + WIDE);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        *(wide *)(distance + r * padded + at) = a - 2 * low[r];
        *(wide *)(distance + r * padded + at + WIDE) = b - 2 * high[r];
    }
}

#define TILE(name, rows, target)                                                                                       \
    target static void name##_##rows(const Book *book, ptrdiff_t at, const float *vectors, ptrdiff_t dim,              \
                                     float *distance, ptrdiff_t padded) {                                              \
        tile(book, at, vectors, dim, distance, padded, rows);                                                          \
    }

#if defined(__x86_64__)
TILE(avx512, 8, __attribute__((target("avx512f,prefer-vector-width=512"))))
TILE(avx512, 1, __attribute__((target("avx512f,prefer-vector-width=512"))))
TILE(avx2, 2, __attribute__((target("avx2,fma"))))
TILE(avx2, 1, __attribute__((target("avx2,fma"))))
#endif
TILE(plain, 2, )
TILE(plain, 1, )

typedef struct {
    Tile *many, *one;
    int rows; /* of `many` */
} Kernel;

static Kernel kernel(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return (Kernel){avx512_8, avx512_1, 8};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return (Kernel){avx2_2, avx2_1, 2};
#endif
    return (Kernel){plain_2, plain_1, 2};
}

static ptrdiff_t padded(ptrdiff_t size) { return (size + LANES - 1) / LANES * LANES; }

/* Distances of any number of vectors; the last tile may overlap with the one before it. */
static void distances(Kernel kernel, const Book *book, const float *vectors, ptrdiff_t rows, ptrdiff_t dim,
                      float *distance) {
    const ptrdiff_t width = padded(book->size), step = rows < kernel.rows ? 1 : kernel.rows;
    Tile *const compute = step == 1 ? kernel.one : kernel.many;
    for (ptrdiff_t at = 0; at < width; at += LANES)
        for (ptrdiff_t next = 0; next < rows; next += step) {
            const ptrdiff_t r = next + step <= rows ? next : rows - step;
            compute(book, at, vectors + r * dim, dim, distance + r * width, width);
        }
}

static float least_of(const float *distance, ptrdiff_t padded) {
    float parts[LANES];
    for (ptrdiff_t c = 0; c < LANES; c++) parts[c] = INFINITY;
    for (ptrdiff_t at = 0; at < padded; at += LANES)
        for (ptrdiff_t c = 0; c < LANES; c++) parts[c] = distance[at + c] < parts[c] ? distance[at + c] : parts[c];
    for (ptrdiff_t c = 1; c < LANES; c++) parts[0] = parts[c] < parts[0] ? parts[c] : parts[0];
    return parts[0];
}

static ptrdiff_t nearest(const float *distance, ptrdiff_t size) {
    const float least = least_of(distance, padded(size));
    ptrdiff_t code = 0;
    while (code < size - 1 && distance[code] != least) code++;
    return code;
}

static float square(const float *vector, ptrdiff_t dim) {
    float parts[8] = {0}; /* which compilers add up side by side */
    for (ptrdiff_t d = 0; d < dim; d++) parts[d % 8] += vector[d] * vector[d];
    return ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]));
}

static void subtract(const float *from, const float *vector, float *result, ptrdiff_t dim) {
    for (ptrdiff_t d = 0; d < dim; d++) result[d] = from[d] - vector[d];
}

/* The paths of a vector through its stages so far. */
typedef struct {
    float *residual, *spare; /* (width, dim) */
    int64_t *steps;          /* (stages, width): parent * size + code; of stages that the vector skips -1 */
    ptrdiff_t paths;
} Beam;

/* The `width` smallest of distances (paths, size), the least first: path * size + code. */
static void smallest(const float *distance, const float *squares, ptrdiff_t paths, ptrdiff_t size, ptrdiff_t width,
                     float *least, int64_t *step) {
    for (ptrdiff_t n = 0; n < width; n++) least[n] = INFINITY, step[n] = 0;
    for (ptrdiff_t path = 0; path < paths; path++, distance += padded(size)) {
        const float own = squares[path];
        for (ptrdiff_t at = 0; at < size; at += LANES) {
            int any = 0; /* few blocks have one, and the test for it is a handful of vector instructions */
            const float bound = least[width - 1];
            for (ptrdiff_t c = 0; c < LANES; c++) any |= distance[at + c] + own < bound;
            for (ptrdiff_t c = at; any && c < at + LANES; c++) {
                const float found = distance[c] + own;
                ptrdiff_t n = width - 1;
                if (!(found < least[n])) continue;
                for (; n > 0 && found < least[n - 1]; n--) least[n] = least[n - 1], step[n] = step[n - 1];
                least[n] = found, step[n] = path * size + c;
            }
        }
    }
}

/* What a search needs beside its beams. */
typedef struct {
    float *distance, *squares, *least;
} Scratch;

static void advance(Kernel kernel, const Book *book, Beam *beam, ptrdiff_t stage, ptrdiff_t dim, ptrdiff_t width,
                    Scratch scratch) {
    int64_t *step = beam->steps + stage * width;
    distances(kernel, book, beam->residual, beam->paths, dim, scratch.distance);
    for (ptrdiff_t path = 0; path < beam->paths; path++)
        scratch.squares[path] = square(beam->residual + path * dim, dim);
    const ptrdiff_t kept = width < beam->paths * book->size ? width : beam->paths * book->size;
    smallest(scratch.distance, scratch.squares, beam->paths, book->size, kept, scratch.least, step);
    for (ptrdiff_t path = 0; path < kept; path++) {
        const ptrdiff_t parent = step[path] / book->size, code = step[path] % book->size;
        subtract(beam->residual + parent * dim, book->code + code * dim, beam->spare + path * dim, dim);
    }
    float *spare = beam->residual;
    beam->residual = beam->spare, beam->spare = spare, beam->paths = kept;
}

/* Which path leaves least. */
static ptrdiff_t winner(const Beam *beam, ptrdiff_t dim) {
    ptrdiff_t best = 0;
    float least = INFINITY;
    for (ptrdiff_t path = 0; path < beam->paths; path++) {
        const float left = square(beam->residual + path * dim, dim);
        if (left < least) least = left, best = path;
    }
    return best;
}

#define TOGETHER 4 /* runs, which share a codebook while it is in the cache */

/* Codes of runs of latents by beam search, see swc.nn.quantizers.beam.codes_in_turn. 0, or -1 without memory.
 *
 * z: (runs, latents, dim), of each run `lengths` latents. used: of each window, (runs, windows, stages).
 * predictor: transposed, (dim, dim); NULL for none. codes: (runs, stages, latents), -1 where a stage is skipped. */
int swc_codes(const Book *books, int64_t stages, const float *z, const int64_t *lengths, int64_t runs, int64_t latents,
              int64_t dim, int64_t window, const uint8_t *used, const float *predictor, int64_t width,
              int64_t *codes) {
    const Kernel with = kernel();
    const int64_t windows = (latents + window - 1) / window;
    ptrdiff_t size = 0;
    for (ptrdiff_t s = 0; s < stages; s++)
        if (padded(books[s].size) > size) size = padded(books[s].size);
    const size_t vectors = (size_t)(TOGETHER * 2 * width + TOGETHER) * dim;
    float *floats = malloc((vectors + (size_t)width * size + 2 * width) * sizeof(float));
    int64_t *steps = malloc((size_t)(TOGETHER * stages * width) * sizeof(int64_t));
    if (!floats || !steps) {
        free(floats), free(steps);
        return -1;
    }
    float *previous = floats + (size_t)TOGETHER * 2 * width * dim; /* decoded latents */
    Scratch scratch = {floats + vectors, floats + vectors + (size_t)width * size,
                       floats + vectors + (size_t)width * size + width};
    Beam beams[TOGETHER];
    for (ptrdiff_t first = 0; first < runs; first += TOGETHER) {
        const ptrdiff_t together = runs - first < TOGETHER ? runs - first : TOGETHER;
        memset(previous, 0, (size_t)(TOGETHER * dim) * sizeof(float));
        for (ptrdiff_t t = 0; t < latents; t++) {
            for (ptrdiff_t n = 0; n < together; n++) {
                const float *latent = z + ((first + n) * latents + t) * dim, *before = previous + n * dim;
                float *target = floats + (size_t)n * 2 * width * dim;
                beams[n] = (Beam){target, target + width * dim, steps + n * stages * width, 1};
                if (t >= lengths[first + n]) continue;
                memcpy(target, latent, (size_t)dim * sizeof(float));
                for (ptrdiff_t j = 0; predictor && t && j < dim; j++)
                    for (ptrdiff_t d = 0; d < dim; d++) target[d] -= predictor[j * dim + d] * before[j];
            }
            for (ptrdiff_t s = 0; s < stages; s++)
                for (ptrdiff_t n = 0; n < together; n++)
                    if (t < lengths[first + n]) {
                        if (used[((first + n) * windows + t / window) * stages + s])
                            advance(with, books + s, beams + n, s, dim, width, scratch);
                        else
                            beams[n].steps[s * width] = -1;
                    }
            for (ptrdiff_t n = 0; n < together; n++) {
                if (t >= lengths[first + n]) continue;
                const float *latent = z + ((first + n) * latents + t) * dim;
                ptrdiff_t path = winner(beams + n, dim);
                subtract(latent, beams[n].residual + path * dim, previous + n * dim, dim);
                for (ptrdiff_t s = stages - 1; s >= 0; s--) {
                    const int64_t *step = beams[n].steps + s * width;
                    if (step[0] < 0) continue;
                    codes[((first + n) * stages + s) * latents + t] = step[path] % books[s].size;
                    path = step[path] / books[s].size;
                }
            }
        }
    }
    free(floats), free(steps);
    return 0;
}

/* Experts that leave the least of windows, one at a time, see swc.nn.quantizers.search.greedy_mask. 0, or -1 without
 * memory.
 *
 * books: (experts,), by whose distances they are chosen. keys: the same, by which their codes are.
 * residual: (windows, latents, dim), overwritten. k: (windows,), below experts. mask: (windows, experts), zeros. */
int swc_experts(const Book *books, const Book *keys, int64_t experts, float *residual, int64_t windows,
                int64_t latents, int64_t dim, const int64_t *k, uint8_t *mask) {
    const Kernel with = kernel();
    ptrdiff_t size = 0, most = 0;
    for (ptrdiff_t e = 0; e < experts; e++)
        if (padded(books[e].size) > size) size = padded(books[e].size);
    for (ptrdiff_t w = 0; w < windows; w++)
        if (k[w] > most) most = k[w];
    float *distance = malloc((size_t)(latents * size + windows * 2) * sizeof(float));
    int64_t *chosen = malloc((size_t)windows * sizeof(int64_t));
    if (!distance || !chosen) {
        free(distance), free(chosen);
        return -1;
    }
    float *least = distance + latents * size;
    for (ptrdiff_t taken = 0; taken < most; taken++) {
        for (ptrdiff_t w = 0; w < windows; w++) least[w] = INFINITY, chosen[w] = -1;
        for (ptrdiff_t e = 0; e < experts; e++)
            for (ptrdiff_t w = 0; w < windows; w++) {
                if (taken >= k[w] || mask[w * experts + e]) continue;
                distances(with, books + e, residual + w * latents * dim, latents, dim, distance);
                float left = 0;
                const ptrdiff_t width = padded(books[e].size);
                for (ptrdiff_t t = 0; t < latents; t++) left += least_of(distance + t * width, width);
                if (chosen[w] < 0 || left < least[w]) least[w] = left, chosen[w] = e;
            }
        for (ptrdiff_t w = 0; w < windows; w++) {
            if (chosen[w] < 0) continue;
            const Book *key = keys + chosen[w];
            float *r = residual + w * latents * dim;
            mask[w * experts + chosen[w]] = 1;
            distances(with, key, r, latents, dim, distance);
            for (ptrdiff_t t = 0; t < latents; t++) {
                const ptrdiff_t code = nearest(distance + t * padded(key->size), key->size);
                subtract(r + t * dim, key->code + code * dim, r + t * dim, dim);
            }
        }
    }
    free(distance), free(chosen);
    return 0;
}
