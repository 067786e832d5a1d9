// What networks are made of (FORMAT.md, section 7), in WebAssembly SIMD. Grids are u8 with channels last.
// Compiled twice by scripts/kernels.js: with relaxed SIMD, products of 8 bits are summed up four at a time, else of 16
// bits two at a time.
#include <wasm_simd128.h>

#define EACH _Pragma("clang loop unroll(full)")

typedef unsigned char u8;

#ifdef __wasm_relaxed_simd__
typedef u8 element;
#else
typedef short element;
#endif

enum {
    GROUP = 4 / sizeof(element),   // elements of a sum
    TOGETHER = GROUP == 4 ? 6 : 4, // pixels: as many as registers hold the sums of
    OUTPUTS = 8,                   // channels of a block
};

/** Return how many products one sum has: weights are packed in such groups. */
__attribute__((export_name("group"))) int group(void) { return GROUP; }

/** Return sums with products added, of four groups of weights with one of elements. */
static inline v128_t sum(v128_t weights, v128_t elements, v128_t sums) {
#ifdef __wasm_relaxed_simd__
    return wasm_i32x4_relaxed_dot_i8x16_i7x16_add(weights, elements, sums);
#else
    return wasm_i32x4_add(sums, wasm_i32x4_dot_i16x8(weights, elements));
#endif
}

/**
 * Return whether the engine takes an element above 127 as signed, which is left to it. Weights are within 64, so that
 * no sum is cut off.
 */
__attribute__((export_name("signed"))) int is_signed(void) {
#ifdef __wasm_relaxed_simd__
    volatile int high = 0x80808080, one = 0x01010101;
    return wasm_i32x4_extract_lane(sum(wasm_i32x4_splat(one), wasm_i32x4_splat(high), wasm_i32x4_splat(0)), 0) < 0;
#else
    return 0;
#endif
}

/** Return four sums as samples that are not cut off yet; ties become even numbers, as in all additions of floats. */
static inline v128_t requantised(v128_t sums, v128_t factors, int zero) {
    const float shift = 12582912.0f; // 1.5 * 2**23, whose last bit is 1: its bits are 0x4b400000
    v128_t value = wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sums), factors);
    value = wasm_f32x4_pmin(wasm_f32x4_pmax(value, wasm_f32x4_splat(-512)), wasm_f32x4_splat(512));
    return wasm_i32x4_sub(wasm_f32x4_add(value, wasm_f32x4_splat(shift)), wasm_i32x4_splat(0x4b400000 - zero));
}

typedef struct {
    const element *rows[3];
    int side, length, stride; // length: groups of a row of the kernel; stride: elements of a pixel
    const v128_t *weights;
    const int *bias;
    const float *factors;
    int zero, outputs, count; // count: channels of this block
    u8 *out;
} block;

/** Add products of `steps` groups of weights and elements, at constant offsets, which cost engines nothing. */
static inline __attribute__((always_inline)) void add_products(
    v128_t sums[TOGETHER][2], const v128_t **weights, const element *from[TOGETHER], const int pixels,
    const unsigned steps) {
    EACH for (unsigned k = 0; k < steps; k++) {
        const v128_t low = wasm_v128_load(*weights + 2 * k), high = wasm_v128_load(*weights + 2 * k + 1);
        EACH for (int p = 0; p < pixels; p++) {
            const v128_t elements = wasm_v128_load32_splat(from[p] + k * GROUP);
            sums[p][0] = sum(low, elements, sums[p][0]);
            sums[p][1] = sum(high, elements, sums[p][1]);
        }
    }
    *weights += 2 * steps;
    EACH for (int p = 0; p < pixels; p++) from[p] += steps * GROUP;
}

/** Compute `pixels` pixels from x on. */
static inline __attribute__((always_inline)) void compute(const block *b, int x, const int pixels) {
    v128_t sums[TOGETHER][2];
    EACH for (int p = 0; p < pixels; p++) {
        sums[p][0] = wasm_v128_load(b->bias);
        sums[p][1] = wasm_v128_load(b->bias + 4);
    }
    const v128_t *weights = b->weights;
    for (int i = 0; i < b->side; i++) {
        const element *from[TOGETHER];
        EACH for (int p = 0; p < pixels; p++) from[p] = b->rows[i] + (x + p) * b->stride;
        int left = b->length;
        for (; left >= 4; left -= 4) add_products(sums, &weights, from, pixels, 4);
        for (; left > 0; left--) add_products(sums, &weights, from, pixels, 1);
    }
    const v128_t low = wasm_v128_load(b->factors), high = wasm_v128_load(b->factors + 4);
    EACH for (int p = 0; p < pixels; p++) {
        const v128_t first = requantised(sums[p][0], low, b->zero), second = requantised(sums[p][1], high, b->zero);
        v128_t samples = wasm_i16x8_narrow_i32x4(first, second);
        samples = wasm_u8x16_narrow_i16x8(samples, samples);
        u8 *out = b->out + (x + p) * b->outputs;
        if (b->count == OUTPUTS) {
            wasm_v128_store64_lane(out, samples, 0);
        } else {
            u8 some[16];
            wasm_v128_store(some, samples);
            for (int o = 0; o < b->count; o++) out[o] = some[o];
        }
    }
}

/** Compute a block of channels of a row. Engines optimise what is called often, so this is called for every row. */
static __attribute__((noinline)) void convolve_row(const block *b, int columns) {
    if (columns >= TOGETHER) {
        for (int x = 0; x < columns - TOGETHER; x += TOGETHER) compute(b, x, TOGETHER);
        compute(b, columns - TOGETHER, TOGETHER); // some of them once more
    } else {
        for (int x = 0; x < columns; x++) compute(b, x, 1);
    }
}

/** Make elements of a row of samples, `stride` for each pixel. */
static __attribute__((noinline)) void widen(
    const u8 *in, int columns, int channels, int stride, int offset, element *out) {
    for (int x = 0; x < columns; x++, in += channels, out += stride) {
        int c = 0;
#ifdef __wasm_relaxed_simd__
        for (; c + 16 <= channels; c += 16) {
            wasm_v128_store(out + c, wasm_i8x16_sub(wasm_v128_load(in + c), wasm_i8x16_splat(offset)));
        }
#else
        for (; c + 8 <= channels; c += 8) wasm_v128_store(out + c, wasm_u16x8_load8x8(in + c));
#endif
        for (; c < channels; c++) out[c] = in[c] - offset;
    }
}

/**
 * Convolve a grid, with zero padding around it.
 * @param side  of the kernel, 1 or 3
 * @param weights  for each 8 outputs, then row, column and group of channels: those of 4 outputs, those of 4 more
 * @param bias  less the sum of weights times (in_zero - offset)
 * @param factors  m of FORMAT.md
 * @param offset  taken from samples: 128 if elements are signed, else 0
 * @param scratch  side + 1 rows of columns + side - 1 pixels of `stride` elements, a multiple of a group
 */
__attribute__((export_name("convolve"))) void convolve(
    const u8 *in, int rows, int columns, int channels, int stride, u8 *out, int outputs, int side, const u8 *weights,
    const int *bias, const float *factors, int in_zero, int out_zero, int offset, element *scratch) {
    const int half = side / 2, width = (columns + side - 1) * stride;
    for (int i = 0; i < (side + 1) * width; i++) scratch[i] = in_zero - offset;
    block b = {.side = side, .length = side * stride / GROUP, .stride = stride, .zero = out_zero, .outputs = outputs};
    element *const outside = scratch + side * width;
    const int row_bytes = 2 * b.length * sizeof(v128_t);
    for (int y = -half; y < rows; y++) {
        if (y + half < rows) {
            element *const to = scratch + (y + half) % side * width + half * stride;
            widen(in + (y + half) * columns * channels, columns, channels, stride, offset, to);
        }
        if (y < 0) continue;
        for (int i = 0; i < side; i++) {
            const int row = y + i - half;
            b.rows[i] = row < 0 || row >= rows ? outside : scratch + row % side * width;
        }
        for (int o = 0; o < outputs; o += OUTPUTS) {
            b.weights = (const v128_t *)(weights + o / OUTPUTS * side * row_bytes);
            b.bias = bias + o;
            b.factors = factors + o;
            b.count = outputs - o < OUTPUTS ? outputs - o : OUTPUTS;
            b.out = out + y * columns * outputs + o;
            convolve_row(&b, columns);
        }
    }
}

/** Add grids of zero point 128; `count` is a multiple of 16, or memory behind them is free. */
__attribute__((export_name("add"))) void add(const u8 *a, const u8 *b, u8 *out, int count) {
    const v128_t middle = wasm_i8x16_splat(-128);
    for (int i = 0; i < count; i += 16) {
        const v128_t x = wasm_v128_xor(wasm_v128_load(a + i), middle), y = wasm_v128_xor(wasm_v128_load(b + i), middle);
        wasm_v128_store(out + i, wasm_v128_xor(wasm_i8x16_add_sat(x, y), middle));
    }
}

/** Turn rows to columns. */
__attribute__((export_name("transpose"))) void transpose(const u8 *in, int rows, int columns, u8 *out) {
    enum { SIDE = 64 }; // what is read and written at once stays near
    for (int top = 0; top < rows; top += SIDE) {
        const int bottom = rows < top + SIDE ? rows : top + SIDE;
        for (int left = 0; left < columns; left += SIDE) {
            const int right = columns < left + SIDE ? columns : left + SIDE;
            for (int x = left; x < right; x++) {
                for (int y = top; y < bottom; y++) out[x * rows + y] = in[y * columns + x];
            }
        }
    }
}

/** Copy `first` times `second` times `third` runs of bytes, with bytes from each to the next in either grid. */
__attribute__((export_name("copy"))) void copy(
    const u8 *in, u8 *out, int first, int second, int third, int length, int in_first, int in_second, int in_third,
    int out_first, int out_second, int out_third) {
    for (int i = 0; i < first; i++) {
        for (int j = 0; j < second; j++) {
            const u8 *from = in + i * in_first + j * in_second;
            u8 *to = out + i * out_first + j * out_second;
            for (int k = 0; k < third; k++, from += in_third, to += out_third) __builtin_memcpy(to, from, length);
        }
    }
}

// From here on, FORMAT.md's wavelet and colours: each operation on floats is rounded by itself.

#define ROW(y) (plane + (y)*columns)
#define LEAST(a, b) ((a) < (b) ? (a) : (b))

static const float STEPS[] = {1817 / 4096.0f, 3616 / 4096.0f, -217 / 4096.0f, -6497 / 4096.0f};

static inline v128_t lifted(v128_t value, v128_t before, v128_t behind, float step) {
    return wasm_f32x4_sub(value, wasm_f32x4_mul(wasm_f32x4_splat(step), wasm_f32x4_add(before, behind)));
}

/** Take from samples the sum of two others times a step; if not `exact`, of up to 3 behind them too. */
static __attribute__((noinline)) void lift(
    float *samples, const float *before, const float *behind, int count, float step, int exact) {
    int i = 0;
    for (; i + 4 <= count || (!exact && i < count); i += 4) {
        const v128_t value = wasm_v128_load(samples + i);
        wasm_v128_store(samples + i, lifted(value, wasm_v128_load(before + i), wasm_v128_load(behind + i), step));
    }
    for (; i < count; i++) {
        const float product = step * (before[i] + behind[i]);
        samples[i] -= product;
    }
}

/** Pass along a row of `half` low and high samples, in turns; low and high are free memory, 4 samples around them too. */
static __attribute__((noinline)) void pass_along(float *row, int half, float *low, float *high) {
    for (int i = 0; i < half; i++) {
        low[i] = row[2 * i];
        high[i] = row[2 * i + 1];
    }
    for (int step = 0; step < 4; step += 2) {
        high[-1] = high[0];
        lift(low, high - 1, high, half, STEPS[step], 0);
        low[half] = low[half - 1];
        lift(high, low, low + 1, half, STEPS[step + 1], 0);
    }
    for (int i = 0; i < half; i++) {
        row[2 * i] = low[i];
        row[2 * i + 1] = high[i];
    }
}

/**
 * Join low band and details in place: low at even rows and columns, band 0 at odd rows, 1 at odd columns, 2 at both.
 * @param rows, columns  both even
 * @param scratch  columns + 16 floats
 */
__attribute__((export_name("join"))) void join(float *plane, int rows, int columns, float *scratch) {
    const int n = rows / 2, half = columns / 2;
    float *const low = scratch + 4, *const high = low + half + 8;
    // each sample of a step needs the two around it of the step before: four steps and the pass along rows in one sweep
    for (int i = 0; i < n + 2; i++) {
        if (i < n) lift(ROW(2 * i), ROW(i ? 2 * i - 1 : 1), ROW(2 * i + 1), columns, STEPS[0], 1);
        if (i >= 1 && i <= n) {
            lift(ROW(2 * i - 1), ROW(2 * i - 2), ROW(2 * LEAST(i, n - 1)), columns, STEPS[1], 1);
            lift(ROW(2 * i - 2), ROW(i > 1 ? 2 * i - 3 : 1), ROW(2 * i - 1), columns, STEPS[2], 1);
        }
        if (i >= 2) {
            lift(ROW(2 * i - 3), ROW(2 * i - 4), ROW(2 * LEAST(i - 1, n - 1)), columns, STEPS[3], 1);
            pass_along(ROW(2 * i - 4), half, low, high);
            pass_along(ROW(2 * i - 3), half, low, high);
        }
    }
}

/** Make a plane of twice the sides with another at its even rows and columns, and 0 elsewhere. */
__attribute__((export_name("spread"))) void spread(const float *low, int rows, int columns, float *plane) {
    __builtin_memset(plane, 0, 16 * rows * columns);
    for (int y = 0; y < rows; y++, plane += 4 * columns) {
        for (int x = 0; x < columns; x++) plane[2 * x] = *low++;
    }
}

/** Return whole numbers of 0 to 255. */
static inline v128_t whole(v128_t colour) {
    const v128_t positive = wasm_f32x4_pmax(colour, wasm_f32x4_splat(0));
    return wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_pmin(positive, wasm_f32x4_splat(255)));
}

/** Make RGBA, `width` pixels of a row and up to 3 more, of rows of planes with factors of each. */
__attribute__((export_name("colour"))) void colour(
    const float *ys, const float *us, const float *vs, int columns, float ky, float ku, float kv, int width, int height,
    int gray, u8 *out) {
    for (int row = 0; row < height; row++) {
        for (int x = 0; x < width; x += 4) {
            const int at = row * columns + x;
            const v128_t light = wasm_f32x4_mul(wasm_v128_load(ys + at), wasm_f32x4_splat(ky));
            const v128_t y = wasm_f32x4_add(light, wasm_f32x4_splat(128.5f));
            const v128_t u = wasm_f32x4_mul(wasm_v128_load(us + at), wasm_f32x4_splat(ku));
            const v128_t v = wasm_f32x4_mul(wasm_v128_load(vs + at), wasm_f32x4_splat(kv));
            const v128_t sum = wasm_f32x4_add(y, v);
            v128_t red = whole(wasm_f32x4_add(sum, u)), blue = whole(wasm_f32x4_sub(sum, u));
            v128_t green = whole(wasm_f32x4_sub(wasm_f32x4_sub(y, v), v));
            if (gray) { // a third, which 21846 / 2**16 is near enough to
                const v128_t more = wasm_i32x4_add(blue, wasm_i32x4_splat(1));
                const v128_t total = wasm_i32x4_add(wasm_i32x4_add(red, green), more);
                red = green = blue = wasm_u32x4_shr(wasm_i32x4_mul(total, wasm_i32x4_splat(21846)), 16);
            }
            const v128_t rg = wasm_v128_or(red, wasm_i32x4_shl(green, 8));
            const v128_t ba = wasm_v128_or(wasm_i32x4_shl(blue, 16), wasm_i32x4_splat(255 << 24));
            wasm_v128_store(out + 4 * (row * width + x), wasm_v128_or(rg, ba));
        }
    }
}
