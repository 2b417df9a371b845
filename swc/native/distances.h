/* Distances from vectors to the codes of codebooks, and the nearest codes.
 *
 * Vectors have dim numbers, codebooks size codes. A key is what vectors are compared with; `padded` is size rounded
 * up, and the offsets of what is padded are infinite. A distance lacks the vector's own square: it is
 * offset - 2 <vector, key>.
 *
 * Processors that multiply bytes do so first, with vectors and keys rounded to bytes. As it is known how much rounding
 * takes away at most, that gives a bound below each distance. Then only distances whose bound is low enough are
 * computed in full: a few in a thousand. The result is the same, to the bit. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define LANES 32    /* codes side by side */
#define WIDE 16     /* numbers of a vector register, or of several where they are shorter */
#define FEW 8       /* distances side by side that are computed in full */
#define LOST 0.016f /* what rounding may take away of a vector, beside its norm */
#define INLINE static inline __attribute__((always_inline))

typedef float wide __attribute__((vector_size(WIDE * sizeof(float)), aligned(4), may_alias));

typedef struct {
    const float *code, *key;    /* (size, dim) */
    const float *offset;        /* (padded,) */
    const float *lanes;         /* the keys (padded / LANES, dim, LANES); NULL where there are bytes: */
    const uint8_t *bytes;       /* rounded + 128 (padded / LANES, groups, LANES, 4), dim in groups of 4 */
    const float *scale, *error; /* of bytes: twice the unit; the most that a distance to a vector of norm 1 is off */
    int64_t size;
} Book;

/* Vectors that are compared with codes. All but the numbers is for codebooks with bytes. */
typedef struct {
    const float *number; /* (rows, dim) */
    int8_t *byte;        /* rounded (rows, groups, 4) */
    float *scale, *norm; /* the unit; the norm, or more where rounding takes away more than LOST of it (rows,) */
    int32_t *start;      /* of the sums of products: -128 * the sum of the bytes, as keys have 128 added (rows,) */
} Vectors;

/* Prepares a vector. */
typedef void Round(Vectors *vectors, ptrdiff_t row, ptrdiff_t dim);
/* Distances, or bounds below them, of a few vectors to LANES codes from `at` on: (rows, padded). */
typedef void Tile(const Book *book, ptrdiff_t at, const Vectors *vectors, ptrdiff_t row, ptrdiff_t dim,
                  float *distance, ptrdiff_t padded);
/* The first LANES codes at or after `at` of which some, a bit each, are within `limit`; padded if none are. */
typedef ptrdiff_t Next(const float *distance, float own, float limit, ptrdiff_t at, ptrdiff_t padded, uint32_t *some);
/* FEW distances in full. */
typedef void Full(const float *const *vector, const float *const *key, const float *offset, ptrdiff_t dim,
                  float *distance);

static ptrdiff_t padded(ptrdiff_t size) { return (size + LANES - 1) / LANES * LANES; }
static ptrdiff_t groups(ptrdiff_t dim) { return (dim + 3) / 4; }

INLINE void tile(const Book *book, ptrdiff_t at, const Vectors *vectors, ptrdiff_t row, ptrdiff_t dim, float *distance,
                 ptrdiff_t padded, const int rows) {
    const float *key = book->lanes + at * dim;
    const float *vector = vectors->number + row * dim;
    wide low[8] = {{0}}, high[8] = {{0}};
    for (ptrdiff_t d = 0; d < dim; d++, key += LANES) {
        const wide a = *(const wide *)key, b = *(const wide *)(key + WIDE);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            const float x = vector[r * dim + d];
            low[r] += x * a;
            high[r] += x * b;
        }
    }
    const wide a = *(const wide *)(book->offset + at), b = *(const wide *)(book->offset + at + WIDE);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        float *to = distance + (row + r) * padded + at;
        *(wide *)to = a - 2 * low[r];
        *(wide *)(to + WIDE) = b - 2 * high[r];
    }
}

INLINE ptrdiff_t next(const float *distance, float own, float limit, ptrdiff_t at, ptrdiff_t padded, uint32_t *some) {
    for (; at < padded; at += LANES) {
        int any = 0; /* few blocks have one, and the test for it is a handful of vector instructions */
        for (ptrdiff_t c = 0; c < LANES; c++) any |= distance[at + c] + own <= limit;
        if (!any) continue;
        *some = 0;
        for (ptrdiff_t c = 0; c < LANES; c++) *some |= (uint32_t)(distance[at + c] + own <= limit) << c;
        break;
    }
    return at;
}

#define TILE(name, rows, target)                                                                                       \
    target static void name##_##rows(const Book *book, ptrdiff_t at, const Vectors *vectors, ptrdiff_t row,            \
                                     ptrdiff_t dim, float *distance, ptrdiff_t padded) {                               \
        tile(book, at, vectors, row, dim, distance, padded, rows);                                                     \
    }
#define NEXT(name, target)                                                                                             \
    target static ptrdiff_t name##_next(const float *distance, float own, float limit, ptrdiff_t at, ptrdiff_t padded, \
                                        uint32_t *some) {                                                              \
        return next(distance, own, limit, at, padded, some);                                                           \
    }

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2,fma")))
#define AVX512 __attribute__((target("avx512f,fma,prefer-vector-width=512")))
#define VNNI __attribute__((target("avx512f,fma,avx512vnni,prefer-vector-width=512")))
#define FIRST(count) ((__mmask16)((count) < WIDE ? (1u << (count)) - 1 : 0xffff))
TILE(avx2, 2, AVX2)
TILE(avx2, 1, AVX2)
NEXT(avx2, AVX2)
TILE(avx512, 8, AVX512)
TILE(avx512, 1, AVX512)

AVX512 static ptrdiff_t avx512_next(const float *distance, float own, float limit, ptrdiff_t at, ptrdiff_t padded,
                                    uint32_t *some) {
    const __m512 add = _mm512_set1_ps(own), most = _mm512_set1_ps(limit);
    for (; at < padded; at += LANES) {
        const __m512 low = _mm512_loadu_ps(distance + at), high = _mm512_loadu_ps(distance + at + WIDE);
        const uint32_t first = _mm512_cmp_ps_mask(_mm512_add_ps(low, add), most, _CMP_LE_OQ);
        const uint32_t second = _mm512_cmp_ps_mask(_mm512_add_ps(high, add), most, _CMP_LE_OQ);
        if ((*some = first | second << WIDE)) break;
    }
    return at;
}

/* One sum after the other as in `tile`; what is side by side hides how long each addition takes. */
AVX512 static void avx512_full(const float *const *vector, const float *const *key, const float *offset, ptrdiff_t dim,
                               float *distance) {
    __m128 sum[FEW];
    for (int n = 0; n < FEW; n++) sum[n] = _mm_setzero_ps();
    for (ptrdiff_t d = 0; d < dim; d++)
#pragma GCC unroll 8
        for (int n = 0; n < FEW; n++)
            sum[n] = _mm_fmadd_ss(_mm_load_ss(vector[n] + d), _mm_load_ss(key[n] + d), sum[n]);
    for (int n = 0; n < FEW; n++) distance[n] = offset[n] - 2 * _mm_cvtss_f32(sum[n]);
}

VNNI static void vnni_round(Vectors *vectors, ptrdiff_t row, ptrdiff_t dim) {
    const float *x = vectors->number + row * dim;
    int8_t *byte = vectors->byte + row * 4 * groups(dim);
    __m512 most = _mm512_setzero_ps(), lost = most, whole = most;
    for (ptrdiff_t d = 0; d < dim; d += WIDE)
        most = _mm512_max_ps(most, _mm512_abs_ps(_mm512_maskz_loadu_ps(FIRST(dim - d), x + d)));
    const float top = _mm512_reduce_max_ps(most), scale = top / 127;
    const __m512 by = _mm512_set1_ps(top > 0 ? 127 / top : 0), unit = _mm512_set1_ps(scale);
    __m512i sum = _mm512_setzero_si512();
    for (ptrdiff_t d = 0; d < dim; d += WIDE) {
        const __m512 number = _mm512_maskz_loadu_ps(FIRST(dim - d), x + d);
        const __m512 scaled = _mm512_mul_ps(number, by);
        const __mmask16 finite = _mm512_cmp_ps_mask(_mm512_abs_ps(scaled), _mm512_set1_ps(128), _CMP_LT_OQ);
        const __m512i rounded = _mm512_maskz_cvtps_epi32(finite, scaled);
        const __m512 rest = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(rounded), unit, number);
        _mm512_mask_cvtepi32_storeu_epi8(byte + d, FIRST(4 * groups(dim) - d), rounded);
        sum = _mm512_add_epi32(sum, rounded);
        lost = _mm512_fmadd_ps(rest, rest, lost), whole = _mm512_fmadd_ps(number, number, whole);
    }
    vectors->scale[row] = scale, vectors->start[row] = -128 * _mm512_reduce_add_epi32(sum);
    const float norm = 1.0001f * sqrtf(_mm512_reduce_add_ps(whole)); /* these sums are rounded, too */
    const float gone = 1.0001f * sqrtf(_mm512_reduce_add_ps(lost)) + 1e-6f * norm;
    vectors->norm[row] = fmaxf(norm, gone / LOST);
}

/* Bounds below distances, from bytes. */
VNNI INLINE void bound(const Book *book, ptrdiff_t at, const Vectors *vectors, ptrdiff_t row, ptrdiff_t dim,
                       float *distance, ptrdiff_t padded, const int rows) {
    const ptrdiff_t count = groups(dim);
    const uint8_t *key = book->bytes + at * 4 * count;
    const int8_t *vector = vectors->byte + row * 4 * count;
    __m512i sum[2][8];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) sum[0][r] = sum[1][r] = _mm512_set1_epi32(vectors->start[row + r]);
    for (ptrdiff_t g = 0; g < count; g++, key += 4 * LANES) {
        const __m512i a = _mm512_loadu_si512(key), b = _mm512_loadu_si512(key + 4 * WIDE);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            int32_t four;
            memcpy(&four, vector + 4 * (r * count + g), sizeof four);
            const __m512i x = _mm512_set1_epi32(four);
            sum[0][r] = _mm512_dpbusd_epi32(sum[0][r], a, x);
            sum[1][r] = _mm512_dpbusd_epi32(sum[1][r], b, x);
        }
    }
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++, at += WIDE) {
        const __m512 scale = _mm512_loadu_ps(book->scale + at), error = _mm512_loadu_ps(book->error + at);
        const __m512 offset = _mm512_loadu_ps(book->offset + at);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            const __m512 unit = _mm512_set1_ps(vectors->scale[row + r]), norm = _mm512_set1_ps(vectors->norm[row + r]);
            const __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(sum[half][r]), unit);
            const __m512 most = _mm512_fnmadd_ps(error, norm, offset);
            _mm512_storeu_ps(distance + (row + r) * padded + at, _mm512_fnmadd_ps(scale, product, most));
        }
    }
}

VNNI static void vnni_8(const Book *book, ptrdiff_t at, const Vectors *vectors, ptrdiff_t row, ptrdiff_t dim,
                        float *distance, ptrdiff_t padded) {
    bound(book, at, vectors, row, dim, distance, padded, 8);
}

VNNI static void vnni_1(const Book *book, ptrdiff_t at, const Vectors *vectors, ptrdiff_t row, ptrdiff_t dim,
                        float *distance, ptrdiff_t padded) {
    bound(book, at, vectors, row, dim, distance, padded, 1);
}
#endif

TILE(plain, 2, )
TILE(plain, 1, )
NEXT(plain, )

typedef struct {
    Tile *many, *one;
    int rows; /* of `many` */
    Next *next;
    Round *round; /* this and the next: NULL where the tiles give distances and not bounds */
    Full *full;
} Kernel;

/* Whether codebooks should have bytes. */
int swc_bytes(void) {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512vnni") != 0;
#else
    return 0;
#endif
}

static Kernel kernel(const Book *book) {
#if defined(__x86_64__)
    if (book->bytes) return (Kernel){vnni_8, vnni_1, 8, avx512_next, vnni_round, avx512_full};
    if (__builtin_cpu_supports("avx512f")) return (Kernel){avx512_8, avx512_1, 8, avx512_next, NULL, NULL};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (Kernel){avx2_2, avx2_1, 2, avx2_next, NULL, NULL};
#endif
    (void)book;
    return (Kernel){plain_2, plain_1, 2, plain_next, NULL, NULL};
}

/* Distances of any number of vectors, from `row` on; the last tile may overlap with the one before it. */
static void distances(Kernel kernel, const Book *book, const Vectors *vectors, ptrdiff_t row, ptrdiff_t rows,
                      ptrdiff_t dim, float *distance) {
    const ptrdiff_t width = padded(book->size), step = rows < kernel.rows ? 1 : kernel.rows;
    Tile *const compute = step == 1 ? kernel.one : kernel.many;
    for (ptrdiff_t at = 0; at < width; at += LANES)
        for (ptrdiff_t next = 0; next < rows; next += step) {
            const ptrdiff_t first = row + (next + step <= rows ? next : rows - step);
            compute(book, at, vectors, first, dim, distance - row * width, width);
        }
}

/* How many floats of memory `vectors_in` needs. */
static size_t vectors_size(ptrdiff_t rows, ptrdiff_t dim) { return (size_t)rows * (3 + groups(dim)); }

static Vectors vectors_in(float *memory, ptrdiff_t rows) {
    return (Vectors){NULL, (int8_t *)(memory + 3 * rows), memory, memory + rows, (int32_t *)(memory + 2 * rows)};
}

/* A code of one of several vectors. */
typedef struct {
    int32_t path, code;
} Step;

/* Of groups of vectors, the codes with the least distances, the least first (groups, width). */
typedef struct {
    float *least;
    Step *step;
} Ranking;

/* A search for the `width` nearest codes of groups of vectors, of `paths` each. */
typedef struct {
    Kernel kernel;
    const Book *book;
    const Vectors *vectors;
    ptrdiff_t row, groups, paths, dim, width; /* row: the first vector */
    const float *own;                         /* what is added to the distances of a vector (rows,) */
    float *distance;                          /* scratch (rows, padded) */
    Ranking likely, result;                   /* likely: scratch, ranked by bounds */
} Nearest;

static void clear(const Nearest *n, Ranking ranking, ptrdiff_t group) {
    for (ptrdiff_t i = group * n->width; i < (group + 1) * n->width; i++)
        ranking.least[i] = INFINITY, ranking.step[i] = (Step){0, 0};
}

static int before(float distance, Step step, float other_distance, Step other) {
    if (distance != other_distance) return distance < other_distance;
    return step.path != other.path ? step.path < other.path : step.code < other.code;
}

static void insert(const Nearest *n, Ranking ranking, ptrdiff_t group, float distance, Step step) {
    float *least = ranking.least + group * n->width;
    Step *steps = ranking.step + group * n->width;
    ptrdiff_t i = n->width - 1;
    if (!before(distance, step, least[i], steps[i])) return;
    for (; i > 0 && before(distance, step, least[i - 1], steps[i - 1]); i--)
        least[i] = least[i - 1], steps[i] = steps[i - 1];
    least[i] = distance, steps[i] = step;
}

/* Distances that are still to be computed in full. */
typedef struct {
    const float *vector[FEW], *key[FEW];
    float offset[FEW], own[FEW];
    Step step[FEW];
    ptrdiff_t group[FEW];
    int count;
} Few;

static void finish(const Nearest *n, Few *few) {
    float distance[FEW];
    if (!few->count) return;
    for (int i = few->count; i < FEW; i++)
        few->vector[i] = few->vector[0], few->key[i] = few->key[0], few->offset[i] = few->offset[0];
    n->kernel.full(few->vector, few->key, few->offset, n->dim, distance);
    for (int i = 0; i < few->count; i++) insert(n, n->result, few->group[i], distance[i] + few->own[i], few->step[i]);
    few->count = 0;
}

static void compute(const Nearest *n, Few *few, ptrdiff_t group, Step step) {
    const ptrdiff_t row = group * n->paths + step.path;
    const int i = few->count++;
    few->vector[i] = n->vectors->number + (n->row + row) * n->dim, few->key[i] = n->book->key + step.code * n->dim;
    few->offset[i] = n->book->offset[step.code], few->own[i] = n->own[row];
    few->step[i] = step, few->group[i] = group;
    n->distance[row * padded(n->book->size) + step.code] = INFINITY; /* once is enough */
    for (ptrdiff_t d = 0; d < n->dim; d += WIDE) __builtin_prefetch(few->key[i] + d);
    if (few->count == FEW) finish(n, few);
}

/* Ranks the distances of a group; or, with `few`, computes those in full that may belong in the ranking. */
static void scan(const Nearest *n, ptrdiff_t group, Ranking ranking, Few *few) {
    const ptrdiff_t size = n->book->size, all = padded(size);
    const float *worst = ranking.least + (group + 1) * n->width - 1;
    for (int32_t path = 0; path < n->paths; path++) {
        const ptrdiff_t row = group * n->paths + path;
        const float *distance = n->distance + row * all, own = n->own[row];
        const float slack = few ? 4e-7f * (fabsf(*worst) + 2 * own) : 0; /* as sums are rounded */
        uint32_t some;
        ptrdiff_t at = 0;
        for (; (at = n->kernel.next(distance, own, *worst + slack, at, all, &some)) < size; at += LANES)
            for (; some; some &= some - 1) {
                const Step step = {path, (int32_t)at + __builtin_ctz(some)};
                if (!few) insert(n, ranking, group, distance[step.code] + own, step);
                else if (step.code < size) compute(n, few, group, step);
            }
    }
}

/* The nearest codes by their distances or bounds, in a ranking whose values are not above those of `settle`. */
static Ranking rank(const Nearest *n) {
    const Ranking ranking = n->kernel.full ? n->likely : n->result;
    distances(n->kernel, n->book, n->vectors, n->row, n->groups * n->paths, n->dim, n->distance);
    for (ptrdiff_t group = 0; group < n->groups; group++) clear(n, ranking, group), scan(n, group, ranking, NULL);
    return ranking;
}

/* The nearest codes, in `result`; after `rank`. */
static void settle(const Nearest *n) {
    Few few = {.count = 0};
    if (!n->kernel.full) return;
    for (ptrdiff_t group = 0; group < n->groups; group++) {
        clear(n, n->result, group);
        for (ptrdiff_t i = 0; i < n->width; i++) compute(n, &few, group, n->likely.step[group * n->width + i]);
    }
    finish(n, &few);
    for (ptrdiff_t group = 0; group < n->groups; group++) scan(n, group, n->result, &few);
    finish(n, &few);
}
