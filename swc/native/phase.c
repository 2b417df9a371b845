/* Phases for magnitudes, integrated from peak to peak: what swc.dsp.phase.continue_phase does, frame by frame. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* The peak that each of n bins climbs to, the next one where the spectrum rises, and the last one elsewhere. */
static void climb(const float *log, ptrdiff_t n, int32_t *peak) {
    int rose = 1;
    int32_t last = 0;
    for (ptrdiff_t k = 0; k < n; k++) {
        const int rises = k + 1 < n && log[k + 1] > log[k];
        if (!rises && rose) last = (int32_t)k;
        peak[k] = rises ? -1 : last;
        rose = rises;
    }
    for (ptrdiff_t k = n - 1; k >= 0; k--)
        if (peak[k] < 0) peak[k] = peak[k + 1];
}

/* Angles of an STFT's frames; arguments as of continue_phase. 0, or -1 without memory.
 *
 * log: logarithms of magnitudes (frames, bins). restart: (frames,). offset: (frames, bins), or NULL for none; of peaks
 * that are less than `sharp` above the bins `flank` to either side. phase, advance: (bins,), of the frame before where
 * there is one, and in the end of the last frame. before: its logarithms (bins,), or NULL where there is none.
 * own, start: the advance of each bin's own frequency, and phases at a start (bins,). along, across: factors of slopes
 * over frequency and over time. angle: (frames, bins). */
int swc_phases(const float *log, int64_t frames, int64_t bins, const uint8_t *restart, const float *offset, float sharp,
               int64_t flank, float *phase, float *advance, const float *before, const float *own, const float *start,
               float along, float across, float *angle) {
    float *sum = malloc(3 * (size_t)bins * sizeof(float));
    int32_t *peak = malloc((size_t)bins * sizeof(int32_t));
    if (!sum || !peak) {
        free(sum), free(peak);
        return -1;
    }
    float *lag = sum + bins, *between = sum + 2 * bins;
    for (ptrdiff_t t = 0; t < frames; t++, log += bins, angle += bins) {
        const float *earlier = t ? log - bins : before, *later = t + 1 < frames ? log + bins : log;
        const int known = before ? 1 : t && t + 1 < frames; /* without frames on both sides energy stays in place */
        for (ptrdiff_t k = 0; k < bins; k++) lag[k] = known ? across * ((later[k] - earlier[k]) / 2) : 0;
        for (ptrdiff_t k = 0; k < bins; k++) {
            const float slope = k && k + 1 < bins ? (log[k + 1] - log[k - 1]) / 2 : 0;
            const float now = own[k] + along * slope;
            between[k] = t || before ? (now + advance[k]) / 2 : 0;
            advance[k] = now;
        }
        sum[0] = 0;
        double total = 0;
        for (ptrdiff_t k = 1; k < bins; k++) sum[k] = (float)(total += (lag[k] + lag[k - 1]) / 2);
        climb(log, bins, peak);
        const float *from = restart[t] ? start : phase;
        for (ptrdiff_t k = 0; k < bins; k++) between[k] += from[k];
        for (ptrdiff_t k = 0; k < bins; k++) {
            const ptrdiff_t p = peak[k];
            phase[k] = between[p] + (sum[k] - sum[p]);
            angle[k] = phase[k] + (k % 2 ? (float)M_PI : 0);
            if (!offset) continue;
            const int inside = p >= flank && p + flank < bins;
            if (!inside || log[p] - (log[p - flank] + log[p + flank]) / 2 < sharp) angle[k] += offset[t * bins + p];
        }
    }
    free(sum), free(peak);
    return 0;
}
