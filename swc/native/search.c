/* The search for codes: a beam over the stages, a greedy choice of experts.
 *
 * What swc.nn.quantizers.beam and .search do with matrix products, without what they spend on small tensors. Each
 * vector is rounded alike whatever others are searched with it, and by whatever thread. */

#include <stdlib.h>

#include "distances.h"

/* Changes with an argument or `Book`: a library of another number is not used, see swc.native. */
int swc_interface(void) { return 2; }

static float square(const float *vector, ptrdiff_t dim) {
    float parts[8] = {0}; /* which compilers add up side by side */
    for (ptrdiff_t d = 0; d < dim; d++) parts[d % 8] += vector[d] * vector[d];
    return ((parts[0] + parts[1]) + (parts[2] + parts[3])) + ((parts[4] + parts[5]) + (parts[6] + parts[7]));
}

static float sum(const float *x, ptrdiff_t count) {
    float total = 0;
    for (ptrdiff_t n = 0; n < count; n++) total += x[n];
    return total;
}

static void subtract(const float *from, const float *vector, float *result, ptrdiff_t dim) {
    for (ptrdiff_t d = 0; d < dim; d++) result[d] = from[d] - vector[d];
}

/* The paths of a vector through its stages so far. */
typedef struct {
    float *residual, *spare; /* (width, dim) */
    Step *steps;             /* (stages, width): parent and code */
    ptrdiff_t paths;
} Beam;

/* What a search needs beside its beams, for `width` paths. */
typedef struct {
    float *distance, *squares, *least;
    Ranking likely;
    Vectors vectors;
} Scratch;

static void advance(Kernel kernel, const Book *book, Beam *beam, ptrdiff_t stage, ptrdiff_t dim, ptrdiff_t width,
                    Scratch *scratch) {
    Step *step = beam->steps + stage * width;
    const ptrdiff_t kept = width < beam->paths * book->size ? width : beam->paths * book->size;
    scratch->vectors.number = beam->residual;
    for (ptrdiff_t path = 0; path < beam->paths; path++) {
        scratch->squares[path] = square(beam->residual + path * dim, dim);
        if (kernel.round) kernel.round(&scratch->vectors, path, dim);
    }
    const Nearest search = {.kernel = kernel, .book = book, .vectors = &scratch->vectors,
                            .groups = 1, .paths = beam->paths, .dim = dim, .width = kept,
                            .own = scratch->squares, .distance = scratch->distance,
                            .likely = scratch->likely, .result = {scratch->least, step}};
    rank(&search), settle(&search);
    for (ptrdiff_t path = 0; path < kept; path++) {
        const float *parent = beam->residual + step[path].path * dim, *code = book->code + step[path].code * dim;
        subtract(parent, code, beam->spare + path * dim, dim);
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

/* Codes of runs of latents by beam search, see swc.nn.quantizers.beam.codes_in_turn. 0, or -1 without memory.
 *
 * z: (runs, latents, dim), of each run `lengths` latents. used: of each window, (runs, windows, stages).
 * predictor: transposed, (dim, dim); NULL for none. codes: (runs, stages, latents), -1 where a stage is skipped. */
int swc_codes(const Book *books, int64_t stages, const float *z, const int64_t *lengths, int64_t runs, int64_t latents,
              int64_t dim, int64_t window, const uint8_t *used, const float *predictor, int64_t width,
              int64_t *codes) {
    const Kernel with = kernel(books);
    const int64_t windows = (latents + window - 1) / window;
    ptrdiff_t size = 0;
    for (ptrdiff_t s = 0; s < stages; s++)
        if (padded(books[s].size) > size) size = padded(books[s].size);
    const size_t paths = (size_t)(2 * width + 1) * dim, distances = (size_t)width * size;
    float *floats = malloc((paths + distances + 3 * width + vectors_size(width, dim)) * sizeof(float));
    Step *steps = malloc((size_t)((stages + 1) * width) * sizeof(Step));
    if (!floats || !steps) {
        free(floats), free(steps);
        return -1;
    }
    float *previous = floats + 2 * width * dim, *rest = floats + paths + distances; /* previous: a decoded latent */
    Scratch scratch = {floats + paths, rest, rest + width, {rest + 2 * width, steps + stages * width},
                       vectors_in(rest + 3 * width, width)};
    for (ptrdiff_t run = 0; run < runs; run++)
        for (ptrdiff_t t = 0; t < lengths[run]; t++) {
            const float *latent = z + (run * latents + t) * dim;
            const uint8_t *uses = used + (run * windows + t / window) * stages;
            Beam beam = {floats, floats + width * dim, steps, 1};
            memcpy(beam.residual, latent, (size_t)dim * sizeof(float));
            for (ptrdiff_t j = 0; predictor && t && j < dim; j++)
                for (ptrdiff_t d = 0; d < dim; d++) beam.residual[d] -= predictor[j * dim + d] * previous[j];
            for (ptrdiff_t s = 0; s < stages; s++)
                if (uses[s]) advance(with, books + s, &beam, s, dim, width, &scratch);
            ptrdiff_t path = winner(&beam, dim);
            subtract(latent, beam.residual + path * dim, previous, dim);
            for (ptrdiff_t s = stages - 1; s >= 0; s--) {
                if (!uses[s]) continue;
                const Step step = beam.steps[s * width + path];
                codes[(run * stages + s) * latents + t] = step.code, path = step.path;
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
    const Kernel with = kernel(books);
    ptrdiff_t size = 0, most = 0;
    for (ptrdiff_t e = 0; e < experts; e++)
        if (padded(books[e].size) > size) size = padded(books[e].size);
    for (ptrdiff_t w = 0; w < windows; w++)
        if (k[w] > most) most = k[w];
    const size_t rows = (size_t)(windows * latents);
    float *floats = calloc((size_t)latents * (size + 3) + windows + vectors_size(rows, dim), sizeof(float));
    int64_t *chosen = malloc((size_t)windows * sizeof(int64_t));
    Step *steps = malloc((size_t)latents * 2 * sizeof(Step));
    if (!floats || !chosen || !steps) {
        free(floats), free(chosen), free(steps);
        return -1;
    }
    float *const distance = floats + 3 * latents, *const left = distance + latents * size;
    Vectors vectors = vectors_in(left + windows, rows);
    Nearest search = {.kernel = with, .vectors = &vectors, .groups = latents, .paths = 1, .dim = dim, .width = 1,
                      .own = floats /* zeros */, .distance = distance,
                      .likely = {floats + latents, steps + latents}, .result = {floats + 2 * latents, steps}};
    vectors.number = residual;
    for (size_t row = 0; with.round && row < rows; row++) with.round(&vectors, row, dim);
    for (ptrdiff_t taken = 0; taken < most; taken++) {
        for (ptrdiff_t w = 0; w < windows; w++) left[w] = INFINITY, chosen[w] = -1;
        for (ptrdiff_t e = 0; e < experts; e++)
            for (ptrdiff_t w = 0; w < windows; w++) {
                if (taken >= k[w] || mask[w * experts + e]) continue;
                search.book = books + e, search.row = w * latents;
                const float bound = sum(rank(&search).least, latents);
                if (chosen[w] >= 0 && !(bound - 4e-7f * fabsf(bound) < left[w])) continue; /* as sums are rounded */
                settle(&search);
                const float found = sum(search.result.least, latents);
                if (chosen[w] < 0 || found < left[w]) left[w] = found, chosen[w] = e;
            }
        for (ptrdiff_t w = 0; w < windows; w++) {
            if (chosen[w] < 0) continue;
            search.book = keys + chosen[w], search.row = w * latents;
            mask[w * experts + chosen[w]] = 1;
            rank(&search), settle(&search);
            for (ptrdiff_t t = 0; t < latents; t++) {
                float *r = residual + (search.row + t) * dim;
                subtract(r, search.book->code + steps[t].code * dim, r, dim);
                if (with.round) with.round(&vectors, search.row + t, dim);
            }
        }
    }
    free(floats), free(chosen), free(steps);
    return 0;
}
