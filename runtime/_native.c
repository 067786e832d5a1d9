/* The compiled core: plain functions of arrays, each the double of a numpy function of the same name and arguments.
 *
 * The numpy twin, in the module that owns the contract, is the specification; what comes out here is the same to the
 * last bit: float32 operations one by one in the same order (built with -ffp-contract=off). `native.py` puts these
 * functions in the place of their twins.
 *
 * A function is a kernel, a line FUNCTION with the kinds of its arguments, and a line in METHODS. Kernels run without
 * the GIL, allocate nothing and call no Python. They check all that memory safety needs, since arrays may hold anything:
 * sizes before they start, places and symbols as they come.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#error "words are little-endian: the numpy twins serve this machine"
#endif
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0
#error "float32 operations are not rounded one by one: the numpy twins serve this machine"
#endif

/* Loops are compiled for AVX2 too, and the loader picks, where the C library can. */
#if !defined(WIDE) && defined(__x86_64__) && defined(__GLIBC__) && defined(__has_attribute)
#if __has_attribute(target_clones)
#define WIDE __attribute__((target_clones("avx2", "default")))
#endif
#endif
#ifndef WIDE
#define WIDE
#endif

/* -- arguments ---------------------------------------------------------------------------------------------------- */

enum { MOST_ARGUMENTS = 16, MOST_DIMENSIONS = 4, CHUNK = 256 };
static const int64_t MOST_ITEMS = INT64_C(1) << 36; /* of an array: products of sizes do not overflow */

typedef struct {
    void *data;
    int64_t size;                   /* items of an array */
    int64_t shape[MOST_DIMENSIONS]; /* 1 beyond its dimensions */
    char kind;                      /* of its items */
    int64_t number;                 /* in the place of an array */
    double real;
} Argument;

typedef int64_t Kernel(const Argument *arguments, const char **refusal);

static const struct {
    char kind, found;    /* 'x', 'v' and 't' are two kinds; 'w' may be at any address */
    const char *letters; /* which of them stands for it differs from system to system */
    Py_ssize_t size;
} KINDS[] = {
    {'B', 'B', "B?", 1}, {'H', 'H', "H", 2}, {'I', 'I', "IL", 4}, {'h', 'h', "h", 2},    {'i', 'i', "il", 4},
    {'q', 'q', "qln", 8}, {'p', 'p', "ilqn", sizeof(Py_ssize_t)}, {'f', 'f', "f", 4},    {'d', 'd', "d", 8},
    {'x', 'h', "h", 2},  {'x', 'f', "f", 4}, {'v', 'B', "B", 1},  {'v', 'h', "h", 2},
    {'t', 'B', "B", 1},  {'t', 'p', "ilqn", sizeof(Py_ssize_t)}, {'w', 'H', "H", 2},
};

/* Return the kind of a buffer's items, 0 where it is not the wanted one. */
static char kind_of(const Py_buffer *view, char wanted)
{
    const char *format = view->format == NULL ? "B" : view->format;

    if (*format != '\0' && strchr("@=<", *format) != NULL)
        format++;
    if (*format == '\0' || format[1] != '\0')
        return 0;
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (KINDS[i].kind == wanted && view->itemsize == KINDS[i].size && strchr(KINDS[i].letters, *format) != NULL)
            return KINDS[i].found;
    return 0;
}

/* Whether an array has few enough items, even if its sides that are 0 were 1: nothing else bounds those of an empty one. */
static int is_small(const Py_buffer *view)
{
    int64_t items = 1;
    for (int axis = 0; axis < view->ndim; axis++) {
        const int64_t side = view->shape[axis] > 0 ? view->shape[axis] : 1;
        if (side > MOST_ITEMS / items)
            return 0;
        items *= side;
    }
    return 1;
}

static int overlap(const Py_buffer *one, const Py_buffer *other)
{
    const uintptr_t a = (uintptr_t)one->buf, b = (uintptr_t)other->buf;
    return one->len > 0 && other->len > 0 && a < b + (size_t)other->len && b < a + (size_t)one->len;
}

/* Call a kernel with Python's arguments: `kinds` has a letter for each, 'n' for a whole number, 'r' for a real one,
 * and for an array that of KINDS, behind '+' where it is written to. */
static PyObject *call(const char *name, const char *kinds, Kernel *kernel, PyObject *const *given, Py_ssize_t count)
{
    Py_buffer views[MOST_ARGUMENTS];
    Argument arguments[MOST_ARGUMENTS];
    int opened[MOST_ARGUMENTS] = {0}, written[MOST_ARGUMENTS] = {0};
    const char *refusal = NULL;
    int64_t result = 0;
    Py_ssize_t at = 0;

    for (const char *kind = kinds; *kind != '\0'; kind++, at++) {
        const int output = *kind == '+';
        kind += output;
        if (at == count || at == MOST_ARGUMENTS) {
            PyErr_Format(PyExc_ValueError, "%s: only %zd arguments", name, count);
            goto done;
        }
        if (*kind == 'n') {
            arguments[at].number = PyLong_AsLongLong(given[at]);
            if (arguments[at].number == -1 && PyErr_Occurred())
                goto done;
            continue;
        }
        if (*kind == 'r') {
            arguments[at].real = PyFloat_AsDouble(given[at]);
            if (arguments[at].real == -1 && PyErr_Occurred())
                goto done;
            continue;
        }
        Py_buffer *view = &views[at];
        if (PyObject_GetBuffer(given[at], view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (output ? PyBUF_WRITABLE : 0))) {
            PyErr_Clear();
            PyErr_Format(PyExc_ValueError, "%s: argument %zd must be a%s contiguous array", name, at,
                         output ? " writable" : "");
            goto done;
        }
        opened[at] = 1, written[at] = output;
        arguments[at].kind = kind_of(view, *kind);
        if (arguments[at].kind == 0 || view->ndim > MOST_DIMENSIONS) {
            PyErr_Format(PyExc_ValueError, "%s: argument %zd must have items of kind %c, and 4 dimensions at most", name,
                         at, *kind);
            goto done;
        }
        if (!is_small(view) || (*kind != 'w' && (uintptr_t)view->buf % (size_t)view->itemsize != 0)) {
            PyErr_Format(PyExc_ValueError, "%s: argument %zd must have aligned items, and 2**36 at most", name, at);
            goto done;
        }
        for (Py_ssize_t i = 0; i < at; i++)
            if (opened[i] && (output || written[i]) && overlap(&views[i], view)) {
                PyErr_Format(PyExc_ValueError, "%s: arguments %zd and %zd must not overlap", name, i, at);
                goto done;
            }
        arguments[at].data = view->buf;
        arguments[at].size = view->len / view->itemsize;
        for (int axis = 0; axis < MOST_DIMENSIONS; axis++)
            arguments[at].shape[axis] = axis < view->ndim ? view->shape[axis] : 1;
    }
    if (at != count) {
        PyErr_Format(PyExc_ValueError, "%s: %zd arguments, %zd wanted", name, count, at);
        goto done;
    }
    Py_BEGIN_ALLOW_THREADS
    result = kernel(arguments, &refusal);
    Py_END_ALLOW_THREADS
    if (refusal != NULL)
        PyErr_Format(PyExc_ValueError, "%s: %s", name, refusal);
done:
    for (Py_ssize_t i = 0; i < MOST_ARGUMENTS; i++)
        if (opened[i])
            PyBuffer_Release(&views[i]);
    return PyErr_Occurred() ? NULL : PyLong_FromLongLong(result);
}

#define FUNCTION(name, kinds)                                                                                             \
    static PyObject *py_##name(PyObject *module, PyObject *const *given, Py_ssize_t count)                                \
    {                                                                                                                     \
        (void)module;                                                                                                     \
        return call(#name, kinds, name, given, count);                                                                    \
    }

/* Refuse the arguments unless a condition holds. */
#define NEED(condition, text)                                                                                             \
    do {                                                                                                                  \
        if (!(condition)) {                                                                                               \
            *refusal = text;                                                                                              \
            return 0;                                                                                                     \
        }                                                                                                                 \
    } while (0)

/* -- runtime/entropy/rans.py -------------------------------------------------------------------------------------- */

enum { PRECISION_BITS = 14, WORD_BITS = 16, SLOTS = 1 << PRECISION_BITS, SYMBOLS = 256 };
static const uint32_t LOWEST_STATE = 1 << WORD_BITS;

static inline int power_of_two(int64_t lanes)
{
    return lanes > 0 && (lanes & (lanes - 1)) == 0;
}

/* Return a state with a symbol more, and move `at` where the word is that it emits. A freq of 2**14 never does. */
static inline uint32_t pushed(uint32_t x, uint32_t start, uint32_t freq, uint16_t *words, int64_t *at)
{
    const uint32_t full = x > (freq << (2 * WORD_BITS - PRECISION_BITS)) - 1; /* 2**14 wraps to the largest */
    words[*at - 1] = (uint16_t)x;
    *at -= full;
    x >>= WORD_BITS * full;
    return x + x / freq * (SLOTS - freq) + start;
}

static int64_t push_symbols(const Argument *a, const char **refusal)
{
    uint32_t *states = a[0].data;
    const uint32_t *start = a[1].data, *freq = a[2].data;
    const int64_t n = a[2].size, lanes = a[0].size;
    int64_t at = n; /* > j: one word a symbol at most */

    NEED(power_of_two(lanes), "lanes must be a power of two");
    NEED(a[1].size == n && a[3].size == n, "start, freq and words must be alike");
    for (int64_t j = n - 1; j >= 0; j--) {
        NEED(freq[j] - 1 < SLOTS, "freq must be 1 to 2**14");
        states[j & (lanes - 1)] = pushed(states[j & (lanes - 1)], start[j], freq[j], a[3].data, &at);
    }
    return at;
}
FUNCTION(push_symbols, "+III+H")

/* The words that states take, at any address, and the tables of their symbols; each table's symbols of some slots, of
 * every 2**apart-th one. */
typedef struct {
    const uint8_t *words;
    int64_t available, used;
    const uint32_t *start, *freq;
    const uint8_t *some;
    int apart;
} Source;

/* How far apart, as a power of two, slots are whose symbols are given, so many of all tables; or -1. */
static int slots_apart(int64_t given, int64_t tables)
{
    int apart = 0;
    while (apart < PRECISION_BITS && given != tables << (PRECISION_BITS - apart))
        apart++;
    return given == tables << (PRECISION_BITS - apart) ? apart : -1;
}

/* Take a symbol of a table out of a state, and return it, or -1 where the words run out. */
static inline int popped(Source *from, uint32_t *state, int64_t table)
{
    const uint32_t *start = from->start + table * SYMBOLS, *freq = from->freq + table * SYMBOLS;
    uint32_t x = *state;
    const uint32_t slot = x & (SLOTS - 1);
    int symbol = from->some[(table << PRECISION_BITS | slot) >> from->apart];

    while (symbol < SYMBOLS - 1 && start[symbol + 1] <= slot) /* to the last one that does not start behind the slot */
        symbol++;
    x = freq[symbol] * (x >> PRECISION_BITS) + slot - start[symbol];
    const uint32_t low = x < LOWEST_STATE; /* as a number: no branch, which nothing could foresee */
    if (from->used < from->available) {
        uint16_t word;
        memcpy(&word, from->words + 2 * from->used, sizeof word);
        x = x << (WORD_BITS * low) | (word & (0 - low));
        from->used += low;
    } else if (low) {
        return -1;
    }
    *state = x;
    return symbol;
}

static int64_t pop_symbols(const Argument *a, const char **refusal)
{
    uint32_t *states = a[0].data;
    const uint8_t *narrow = a[2].kind == 'B' ? a[2].data : NULL;
    const Py_ssize_t *wide = a[2].data;
    uint8_t *symbols = a[7].data;
    const int64_t n = a[2].size, lanes = a[0].size, tables = a[3].size / SYMBOLS;
    const int apart = slots_apart(a[6].size, tables);
    Source from = {a[1].data, a[1].size, 0, a[3].data, a[4].data, a[6].data, apart};

    NEED(power_of_two(lanes), "lanes must be a power of two");
    NEED(a[3].size == a[4].size && a[7].size == n, "start and freq, and table and symbols must be alike");
    NEED(apart >= 0, "numbers must be of slots of all tables");
    for (int64_t j = 0; j < n; j++) {
        const int64_t table = narrow != NULL ? narrow[j] : wide[j];
        NEED(table >= 0 && table < tables, "table beyond the intervals");
        const int symbol = popped(&from, &states[j & (lanes - 1)], table);
        if (symbol < 0)
            return -1;
        symbols[j] = (uint8_t)symbol;
    }
    return from.used;
}
FUNCTION(pop_symbols, "+IwtIIIB+B")

/* -- runtime/entropy/tile_stream.py ------------------------------------------------------------------------------- */

enum { NO_TABLE = -1, LEFT_OUT = -2, TOO_LARGE = -3, NO_WORDS = -2, NO_BYTES = -3, BEHIND = -4, SMALL = -5 };

enum { INDEXES = 256, GROUPINGS = 5, MOST_DIGITS = 8, ESCAPE_BITS = 16, COLUMNS = 5 };

static const struct { int values, base, symbols; } GROUPING[GROUPINGS] = {
    {8, 2, 256}, {5, 3, 243}, {4, 4, 256}, {3, 6, 216}, {2, 16, 256},
};
static uint8_t DIGITS[GROUPINGS][SYMBOLS][MOST_DIGITS]; /* of each symbol, filled once when the module is made */
static uint8_t TOPS[GROUPINGS][SYMBOLS];                /* which of them are the largest: the first in the lowest bit */

static void fill_digits(void)
{
    for (int g = 0; g < GROUPINGS; g++)
        for (int symbol = 0; symbol < GROUPING[g].symbols; symbol++)
            for (int place = GROUPING[g].values - 1, rest = symbol; place >= 0; place--, rest /= GROUPING[g].base)
            {
                DIGITS[g][symbol][place] = (uint8_t)(rest % GROUPING[g].base);
                TOPS[g][symbol] |= (uint8_t)((rest % GROUPING[g].base == GROUPING[g].base - 1) << place);
            }
}

/* Whether the next 8 indexes are all 0, as most are. */
static inline int all_zero(const uint8_t *index)
{
    uint64_t eight;
    memcpy(&eight, index, sizeof eight);
    return eight == 0;
}

static void count_indexes(const uint8_t *index, int64_t n, int64_t counts[INDEXES])
{
    uint32_t found[4][INDEXES] = {{0}}; /* four, since neighbours are often equal */
    int64_t i = 0;

    for (; i + 8 <= n; i += 8) {
        if (all_zero(index + i)) {
            found[0][0] += 8;
            continue;
        }
        for (int k = 0; k < 8; k++)
            found[k % 4][index[i + k]]++;
    }
    for (; i < n; i++)
        found[0][index[i]]++;
    for (int k = 0; k < INDEXES; k++)
        counts[k] = (int64_t)found[0][k] + found[1][k] + found[2][k] + found[3][k];
}

/* The values of one scale index, in coding order. */
typedef struct {
    int64_t end; /* behind its last value */
    int table, shift, escape;
} Run;

typedef struct {
    Run runs[INDEXES + 1];     /* run 0 is of what is not coded, and empty */
    int64_t begin[INDEXES];    /* of each scale index */
    int first[GROUPINGS + 1];  /* run of each grouping; the last is behind all runs */
} Order;

/* Find the order of values with such scale indexes, and return how many they are, -1 for an index without tables. */
static int64_t find_order(const uint8_t *index, int64_t n, const Argument *coding, int64_t tables, Order *order,
                          const char **refusal)
{
    const int32_t *row = coding->data;
    const int64_t indexes = coding->shape[0];
    int64_t counts[INDEXES], end = 0;
    int g = 0;

    NEED(n <= UINT32_MAX && coding->size == COLUMNS * indexes && indexes > 0 && indexes <= INDEXES, "wrong sizes");
    NEED(row[0] == 0, "scale index 0 must come first");
    count_indexes(index, n, counts);
    for (int64_t k = indexes; k < INDEXES; k++)
        if (counts[k])
            return -1;
    memset(order->begin, 0, sizeof order->begin);
    order->runs[0] = (Run){0, 0, 0, 0};
    for (int k = 1; k < indexes; k++) {
        row += COLUMNS;
        NEED(row[0] > 0 && row[0] < indexes && counts[row[0]] >= 0, "no such scale index, or twice");
        NEED(row[1] >= 0 && row[1] < tables, "no such table");
        NEED(row[2] >= 0 && row[2] < ESCAPE_BITS && row[4] >= 0 && row[4] < SYMBOLS, "no such shift or symbol");
        NEED(row[3] >= 0 && row[3] < GROUPINGS && row[3] >= g - 1, "groupings must not fall");
        while (g <= row[3])
            order->first[g++] = k;
        order->begin[row[0]] = end;
        end += counts[row[0]];
        counts[row[0]] = -1;
        order->runs[k] = (Run){end, row[1], row[2], row[4]};
    }
    while (g <= GROUPINGS)
        order->first[g++] = (int)indexes;
    return end;
}

/* Fill in which of the next values, 256 at most, are not 0, and return how many: without a branch in each step, which
 * nothing could foresee. */
static inline int64_t find_some(const int32_t *values, int64_t n, uint8_t *some)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        some[count] = (uint8_t)i;
        count += values[i] != 0;
    }
    return count;
}

/* Return what is not 0 of values whose index is 0: 0 where there is none. */
WIDE static int32_t not_coded(const uint8_t *index, const int32_t *values, int64_t n)
{
    int32_t others = 0;
    for (int64_t i = 0; i < n; i++)
        others |= values[i] & -(int32_t)(index[i] == 0);
    return others;
}

static inline uint32_t size_of(int32_t value)
{
    return value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
}

/* Fill in digits, and return whether a value is beyond an escape. */
WIDE static int find_digits(const int32_t *values, int shift, uint32_t largest, uint8_t *restrict digits, int64_t n)
{
    uint32_t beyond = 0;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t q = size_of(values[i]) >> shift;
        beyond |= q >> ESCAPE_BITS;
        digits[i] = (uint8_t)(q < largest ? q : largest);
    }
    return beyond != 0;
}

/* Bits to bytes, the highest first. */
typedef struct {
    uint8_t *data;
    int64_t at;
    uint64_t held;
    int bits;
} Packer;

static inline void pack(Packer *to, uint32_t field, int width)
{
    to->held = to->held << width | field;
    for (to->bits += width; to->bits >= 8; to->bits -= 8)
        to->data[to->at++] = (uint8_t)(to->held >> (to->bits - 8));
}

static inline void fill_byte(Packer *to)
{
    if (to->bits)
        pack(to, 0, 8 - to->bits);
}

enum { WHOLE_GROUPS = 240 }; /* values: a multiple of all sizes of groups */

static int64_t split_values(const Argument *a, const char **refusal)
{
    const int32_t *values = a[0].data;
    const uint8_t *index = a[1].data;
    const int64_t *cost = a[3].data, n = a[0].size, m = a[4].size - 1, tables = a[3].size / (2 * SYMBOLS);
    int32_t *coded = a[4].data;
    Py_ssize_t *first = a[5].data, *second = a[6].data;
    int64_t *counts = a[8].data, s = 0, e = 0;
    uint64_t total = 0;
    Packer fields = {a[7].data, 0, 0, 0};
    Order order;

    NEED(a[1].size == n && a[8].size == 4 && m >= 0, "values and indexes must be alike, and four counts");
    NEED(a[5].size >= m / 2 + GROUPINGS && a[6].size >= m && a[7].size >= 4 * m + 2, "too little room");
    const int64_t found = find_order(index, n, &a[2], tables, &order, refusal);
    if (*refusal != NULL || found < 0)
        return NO_TABLE;
    NEED(found == m, "wrong number of coded values");
    if (not_coded(index, values, n))
        return LEFT_OUT;
    order.begin[0] = m; /* one place for all that is not coded */
    for (int64_t begin = 0; begin < n; begin += 8) {
        const int64_t end = begin + 8 < n ? begin + 8 : n;
        if (end - begin == 8 && all_zero(index + begin))
            continue;
        for (int64_t i = begin; i < end; i++) {
            const int64_t place = order.begin[index[i]]; /* moved on at once, as the next value may wait for it */
            order.begin[index[i]] = place + (index[i] != 0);
            coded[place] = values[i];
        }
    }
    for (int g = 0; g < GROUPINGS; g++) {
        const int size = GROUPING[g].values, base = GROUPING[g].base;
        const Run *run = &order.runs[order.first[g]], *head = run; /* of a value, and of a group's first one */
        const int64_t stop = order.runs[order.first[g + 1] - 1].end;
        for (int64_t begin = run[-1].end; begin < stop; begin += WHOLE_GROUPS) {
            const int64_t end = begin + WHOLE_GROUPS < stop ? begin + WHOLE_GROUPS : stop;
            uint8_t digits[WHOLE_GROUPS + MOST_DIGITS] = {0};
            for (int64_t i = begin, next; i < end; i = next) { /* run by run */
                while (run->end <= i)
                    run++;
                next = run->end < end ? run->end : end;
                if (find_digits(coded + i, run->shift, (uint32_t)base - 1, digits + (i - begin), next - i))
                    return TOO_LARGE;
                for (int64_t j = i; j < next; j++) {
                    int width = run->shift;
                    if (width == 0) { /* to the next one that has an excess */
                        const uint8_t *top = memchr(digits + (j - begin), base - 1, (size_t)(next - j));
                        if (top == NULL)
                            break;
                        j = begin + (top - digits);
                    }
                    if (digits[j - begin] == base - 1) {
                        const int64_t beyond = (int64_t)(size_of(coded[j]) >> run->shift) - (base - 1);
                        const int64_t excess = beyond < run->escape ? beyond : run->escape;
                        second[e] = (Py_ssize_t)((tables + run->table) * SYMBOLS + excess);
                        total += (uint64_t)cost[second[e++]];
                        width += excess == run->escape ? ESCAPE_BITS : 0;
                    }
                    if (width)
                        pack(&fields, size_of(coded[j]) & ((UINT32_C(1) << width) - 1), width);
                }
            }
            for (int64_t i = begin; i < end; i += size) {
                int number = 0;
                while (head->end <= i)
                    head++;
                if (size == 8) {
                    uint64_t eight; /* of one bit each: byte k to bit 7 - k */
                    memcpy(&eight, digits + (i - begin), sizeof eight);
                    number = (int)(eight * UINT64_C(0x8040201008040201) >> 56);
                } else {
                    for (int k = 0; k < size; k++)
                        number = number * base + digits[i - begin + k];
                }
                first[s] = (Py_ssize_t)head->table * SYMBOLS + number;
                total += (uint64_t)cost[first[s++]];
            }
        }
    }
    fill_byte(&fields);
    Packer signs = {a[7].data, fields.at, 0, 0};
    for (int64_t j = 0; j < m; j += CHUNK) {
        uint8_t some[CHUNK];
        const int64_t count = find_some(coded + j, m - j < CHUNK ? m - j : CHUNK, some);
        int64_t i = 0;
        for (; i + 8 <= count; i += 8) {
            uint32_t eight = 0;
            for (int k = 0; k < 8; k++)
                eight = eight << 1 | (uint32_t)coded[j + some[i + k]] >> 31;
            pack(&signs, eight, 8);
        }
        for (; i < count; i++)
            pack(&signs, (uint32_t)coded[j + some[i]] >> 31, 1);
    }
    fill_byte(&signs);
    counts[0] = s, counts[1] = e, counts[2] = signs.at, counts[3] = (int64_t)total;
    return 0;
}
FUNCTION(split_values, "iBiq+i+p+p+B+q")

static int64_t push_passes(const Argument *a, const char **refusal)
{
    uint32_t *states = a[0].data;
    const uint32_t *start = a[3].data, *freq = a[4].data;
    const int64_t lanes = a[0].size, symbols = a[3].size;
    int64_t at = a[5].size;

    NEED(power_of_two(lanes), "lanes must be a power of two");
    NEED(a[4].size == symbols && at == a[1].size + a[2].size, "start and freq, and codes and words must be alike");
    for (int pass = 2; pass >= 1; pass--) {
        const Py_ssize_t *codes = a[pass].data;
        for (int64_t j = a[pass].size - 1; j >= 0; j--) {
            NEED(codes[j] >= 0 && codes[j] < symbols, "code beyond the tables");
            NEED(freq[codes[j]] - 1 < SLOTS, "freq must be 1 to 2**14");
            uint32_t *state = &states[j & (lanes - 1)];
            *state = pushed(*state, start[codes[j]], freq[codes[j]], a[5].data, &at);
        }
    }
    return at;
}
FUNCTION(push_passes, "+IppII+H")

/* Bytes to bits: first those that the states of a last part hold, then those of the stream. */
typedef struct {
    uint32_t *states;
    int64_t held; /* bytes that the states hold */
    const uint8_t *data;
    int64_t size, at;
    int64_t taken; /* bytes that came from the states */
    uint64_t bits;
    int count;
} Unpacker;

/* Whether so many bits are there, which begin with a byte. */
static inline int has_bits(const Unpacker *from, int64_t bits)
{
    return (bits + 7) / 8 <= from->held - from->taken + from->size - from->at;
}

/* Return the next bits, up to 31, which are there. */
static inline uint32_t unpacked(Unpacker *from, int width)
{
    for (; from->count < width; from->count += 8) {
        uint32_t byte;
        if (from->taken < from->held) {
            uint32_t *state = &from->states[from->taken / 2];
            const int high = 8 * (int)(from->taken++ % 2);
            byte = *state >> high & 0xFF;
            *state &= ~(UINT32_C(0xFF) << high);
        } else {
            byte = from->data[from->at++];
        }
        from->bits = from->bits << 8 | byte;
    }
    from->count -= width;
    return (uint32_t)(from->bits >> from->count) & ((UINT32_C(1) << width) - 1);
}

/* Whether what is left of a byte is not 0; the next bits begin with the next byte. */
static inline int behind(Unpacker *from)
{
    return from->count ? unpacked(from, from->count) != 0 : 0;
}

/* Fill in digits plus excesses, in room for 7 more, and return how many of these are escapes; or what is refused. */
static int64_t read_digits(const Order *order, Source *source, uint32_t *states, int64_t lanes, int64_t tables,
                           int32_t *restrict q, int32_t *restrict tops, const char **refusal)
{
    Source from = *source; /* of its own, so that it can be in registers */
    int64_t s = 0, e = 0, escapes = 0;

    for (int g = 0; g < GROUPINGS; g++) {
        const Run *run = &order->runs[order->first[g]];
        const int64_t end = order->runs[order->first[g + 1] - 1].end;
        for (int64_t i = run[-1].end; i < end; i += GROUPING[g].values, s++) {
            while (run->end <= i)
                run++;
            const int symbol = popped(&from, &states[s & (lanes - 1)], run->table);
            if (symbol < 0)
                return NO_WORDS;
            NEED(symbol < GROUPING[g].symbols, "no such symbol");
            for (int k = 0; k < MOST_DIGITS; k++) /* those that are too many are overwritten by the next ones */
                q[i + k] = DIGITS[g][symbol][k];
            for (int mask = TOPS[g][symbol], k = 0; mask; mask >>= 1, k++)
                if (mask & 1 && i + k < end)
                    tops[e++] = (int32_t)(i + k);
        }
    }
    const Run *run = &order->runs[1];
    for (int64_t k = 0; k < e; k++) {
        while (run->end <= tops[k])
            run++;
        const int excess = popped(&from, &states[k & (lanes - 1)], tables + run->table);
        if (excess < 0)
            return NO_WORDS;
        q[tops[k]] += excess;
        escapes += excess == run->escape;
    }
    *source = from;
    return escapes;
}

/* Return where a value is next, or the end. */
static inline int64_t next_of(int32_t value, const int32_t *q, int64_t i, int64_t end)
{
    for (; end - i >= 16; i += 16) { /* all at once */
        int32_t found = 0;
        for (int k = 0; k < 16; k++)
            found |= q[i + k] == value;
        if (found)
            break;
    }
    while (i < end && q[i] != value)
        i++;
    return i;
}

/* Turn digits plus excesses into magnitudes by the raw bits of some; return 0, or what is refused. */
static int64_t read_fields(const Order *order, Unpacker *from, int64_t escapes, int32_t *q)
{
    int64_t bits = escapes * ESCAPE_BITS;
    int small = 0;

    for (int r = 1; r < order->first[GROUPINGS]; r++)
        bits += order->runs[r].shift * (order->runs[r].end - order->runs[r - 1].end);
    if (!has_bits(from, bits))
        return NO_BYTES;
    for (int g = 0; g < GROUPINGS && bits; g++)
        for (int r = order->first[g]; r < order->first[g + 1]; r++) {
            const Run *run = &order->runs[r];
            const int escape = GROUPING[g].base - 1 + run->escape;
            if (run->shift == 0 && escapes == 0)
                continue;
            for (int64_t i = run[-1].end; i < run->end; i++) {
                if (run->shift == 0 && (i = next_of(escape, q, i, run->end)) == run->end)
                    break;
                const int escaped = q[i] == escape, width = run->shift + escaped * ESCAPE_BITS;
                const uint32_t raw = width ? unpacked(from, width) : 0, least = (uint32_t)q[i] << run->shift;
                small |= escaped && raw < least; /* what comes raw takes the place of the least that may be escaped */
                q[i] = (int32_t)(escaped ? raw : least | raw);
            }
        }
    return behind(from) ? BEHIND : small ? SMALL : 0;
}

/* Give the values that are not 0 their signs; return 0, or what is refused. */
static int64_t read_signs(Unpacker *from, int32_t *q, int64_t m)
{
    int64_t left = 0;
    uint32_t signs = 0;
    int held = 0;

    for (int64_t i = 0; i < m; i++)
        left += q[i] != 0;
    if (!has_bits(from, left))
        return NO_BYTES;
    for (int64_t j = 0; j < m; j += CHUNK) {
        uint8_t some[CHUNK];
        const int64_t count = find_some(q + j, m - j < CHUNK ? m - j : CHUNK, some);
        for (int64_t i = 0; i < count; i++) {
            if (held == 0) {
                held = left < 8 ? (int)left : 8;
                signs = unpacked(from, held);
                left -= held;
            }
            const uint32_t down = signs >> --held & 1;
            int32_t *value = q + j + some[i];
            *value = (int32_t)(((uint32_t)*value ^ (0 - down)) + down);
        }
    }
    return behind(from) ? BEHIND : 0;
}

static int64_t read_values(const Argument *a, const char **refusal)
{
    uint32_t *states = a[2].data;
    const uint8_t *data = a[0].data, *index = a[4].data;
    int32_t *q = a[10].data, *values = a[11].data;
    const int64_t at = a[1].number, lanes = a[2].size, n = a[4].size, tables = a[6].size / (2 * SYMBOLS);
    const int apart = slots_apart(a[9].size, 2 * tables);
    Order order;

    NEED(power_of_two(lanes) && at >= 0 && at <= a[0].size, "lanes must be a power of two, and the place in the data");
    NEED(a[7].size == a[6].size && a[10].size == n + MOST_DIGITS && a[11].size == n, "arrays must be alike");
    NEED(apart >= 0, "numbers must be of slots of all tables");
    NEED(n <= INT32_MAX, "too many values");
    const int64_t m = find_order(index, n, &a[5], tables, &order, refusal);
    if (*refusal != NULL || m < 0)
        return NO_TABLE;
    Source words = {data + at, (a[0].size - at) / 2, 0, a[6].data, a[7].data, a[9].data, apart};
    const int64_t escapes = read_digits(&order, &words, states, lanes, tables, q, values, refusal);
    if (*refusal != NULL || escapes < 0)
        return escapes;
    Unpacker raw = {states, a[3].number ? 2 * lanes : 0, data, a[0].size, at + 2 * words.used, 0, 0, 0};
    int64_t status = read_fields(&order, &raw, escapes, q);
    if (status == 0)
        status = read_signs(&raw, q, m);
    if (status < 0)
        return status;
    q[m] = 0;
    order.begin[0] = m; /* one place for all that is not coded */
    for (int64_t begin = 0; begin < n; begin += 8) {
        const int64_t end = begin + 8 < n ? begin + 8 : n;
        if (end - begin == 8 && all_zero(index + begin)) {
            memset(values + begin, 0, 8 * sizeof *values);
            continue;
        }
        for (int64_t i = begin; i < end; i++) {
            const int64_t place = order.begin[index[i]];
            order.begin[index[i]] = place + (index[i] != 0);
            values[i] = q[place];
        }
    }
    return raw.at;
}
FUNCTION(read_values, "Bn+InBiIIIB+i+i")

/* -- runtime/latents/values.py ------------------------------------------------------------------------------------ */

static const float ROUNDING = 12582912.0f; /* 1.5 * 2**23: what is added to it becomes whole, halves even */

static inline float between(float x, float least, float most)
{
    return x > least ? x < most ? x : most : least; /* nan: least */
}

/* Fill in rounded values, 0 for those below the least, and return whether any is beyond 1. */
WIDE static int round_values(const float *exact, const float *least, float most, int32_t *restrict found, int64_t n)
{
    int32_t beyond = 0;
    for (int64_t i = 0; i < n; i++) {
        const float size = exact[i] < 0 ? -exact[i] : exact[i];
        const float limited = size > most ? most : size;
        float magnitude = limited + ROUNDING;
        magnitude = limited >= least[i] ? magnitude - ROUNDING : 0; /* nan: 0 */
        beyond |= magnitude > 1;
        found[i] = (int32_t)(exact[i] < 0 ? -magnitude : magnitude);
    }
    return beyond;
}

enum { BLOCK = 64 };

static int64_t quantise_values(const Argument *a, const char **refusal)
{
    const float *exact = a[0].data, *dead = a[2].data, *savings = a[3].data, most = (float)a[5].number;
    const uint8_t *index = a[1].data;
    int32_t *symbols = a[4].data;
    const int64_t m = a[0].size, indexes = a[2].size, columns = a[3].shape[1];

    NEED(a[1].size == m && a[4].size == m, "values, indexes and symbols must be alike");
    NEED(indexes > 0 && a[3].shape[0] == indexes && a[3].size == indexes * columns && columns > 0, "savings must have a row an index");
    NEED(a[5].number > 0 && a[5].number < 1 << 22, "symbols must be below 2**22");
    for (int64_t begin = 0; begin < m; begin += BLOCK) {
        const int64_t count = m - begin < BLOCK ? m - begin : BLOCK;
        float least[BLOCK];
        uint8_t some[BLOCK];
        int32_t *found = symbols + begin;
        uint8_t largest = 0;
        for (int64_t i = 0; i < count; i++)
            largest = index[begin + i] > largest ? index[begin + i] : largest;
        if (largest == 0 && dead[0] == INFINITY) {
            memset(found, 0, (size_t)count * sizeof *found);
            continue;
        }
        NEED(largest < indexes, "index beyond the savings");
        for (int64_t i = 0; i < count; i++)
            least[i] = dead[index[begin + i]];
        if (!round_values(exact + begin, least, most, found, count))
            continue;
        int64_t larger = 0;
        for (int64_t i = 0; i < count; i++) { /* without a branch, which nothing could foresee */
            some[larger] = (uint8_t)i;
            larger += found[i] > 1 || found[i] < -1;
        }
        for (int64_t k = 0; k < larger; k++) {
            const int64_t i = some[k], sign = found[i] < 0 ? -1 : 1, magnitude = sign * found[i];
            float added = fabsf(exact[begin + i]) - (float)magnitude;
            added *= 2;
            added += 1;
            const float saved = savings[index[begin + i] * columns + (magnitude < columns ? magnitude : columns - 1)];
            found[i] -= (int32_t)(added < saved ? sign : 0);
        }
    }
    return 0;
}
FUNCTION(quantise_values, "fBff+in")

/* Steps, means and gains of a channel; only one gain: the same everywhere. */
#define RESIDUALS_OF(name, Coefficient, Mean)                                                                             \
    WIDE static void name(const Coefficient *coefficients, float factor, const Mean *mean, float zero,                    \
                          const float *inverse, int64_t inverses, float *restrict exact, int64_t n)                       \
    {                                                                                                                     \
        if (inverses == 1) {                                                                                              \
            const float same = *inverse;                                                                                  \
            for (int64_t i = 0; i < n; i++)                                                                               \
                exact[i] = ((float)coefficients[i] * factor - (float)mean[i] + zero) * same;                              \
        } else {                                                                                                          \
            for (int64_t i = 0; i < n; i++)                                                                               \
                exact[i] = ((float)coefficients[i] * factor - (float)mean[i] + zero) * inverse[i];                        \
        }                                                                                                                 \
    }
RESIDUALS_OF(residuals_fB, float, uint8_t)
RESIDUALS_OF(residuals_fh, float, int16_t)
RESIDUALS_OF(residuals_hB, int16_t, uint8_t)
RESIDUALS_OF(residuals_hh, int16_t, int16_t)

static int64_t find_residuals(const Argument *a, const char **refusal)
{
    const Py_ssize_t *channels = a[1].data;
    const float *factor = a[2].data, *inverse = a[4].data, zero = (float)a[5].number;
    const int64_t count = a[1].size, h = a[8].shape[1], w = a[8].shape[2], n = h * w, all = n ? a[0].size / n : 0;
    const int64_t inverses = a[4].size, rows = a[6].number, columns = a[7].number;
    const int whole = a[0].kind == 'h', wide = a[3].kind == 'h';

    NEED(a[8].size == count * n && a[3].size == a[8].size && a[0].size == all * n, "arrays must be alike");
    NEED(a[2].size == count && (inverses == n || inverses == 1), "a factor a channel, and a gain each or one");
    NEED(rows >= 0 && columns >= 0, "rows and columns are counted");
    for (int64_t c = 0; c < count && n; c++) {
        NEED(channels[c] >= 0 && channels[c] < all, "channel beyond the coefficients");
        const int16_t *narrow = (const int16_t *)a[0].data + channels[c] * n, *mean_h = (const int16_t *)a[3].data + c * n;
        const float *coefficients = (const float *)a[0].data + channels[c] * n;
        const uint8_t *mean = (const uint8_t *)a[3].data + c * n;
        float *exact = (float *)a[8].data + c * n;
        if (whole && wide)
            residuals_hh(narrow, factor[c], mean_h, zero, inverse, inverses, exact, n);
        else if (whole)
            residuals_hB(narrow, factor[c], mean, zero, inverse, inverses, exact, n);
        else if (wide)
            residuals_fh(coefficients, factor[c], mean_h, zero, inverse, inverses, exact, n);
        else
            residuals_fB(coefficients, factor[c], mean, zero, inverse, inverses, exact, n);
        for (int64_t y = 0; y < h; y++) {
            const int64_t kept = y < rows ? (columns < w ? columns : w) : 0;
            memset(exact + y * w + kept, 0, (size_t)(w - kept) * sizeof *exact);
        }
    }
    return 0;
}
FUNCTION(find_residuals, "xpfvfnnn+f")

/* The values of a channel; only one gain: the same everywhere. */
#define VALUES_OF(name, Mean)                                                                                             \
    WIDE static void name(const Mean *mean, int16_t zero, const int32_t *symbols, const int32_t *gain, int64_t gains,     \
                          int16_t *restrict found, int64_t n)                                                             \
    {                                                                                                                     \
        for (int64_t i = 0; i < n; i++) {                                                                                 \
            const int32_t high = symbols[i] < 32767 ? symbols[i] : 32767, symbol = high > -32767 ? high : -32767;         \
            const uint32_t times = (uint32_t)(gains == 1 ? gain[0] : gain[i]);                                            \
            const int32_t whole = (int32_t)((uint32_t)symbol * times + 8) >> 4;                                           \
            const int32_t total = (int32_t)((uint32_t)whole + (uint32_t)(int16_t)(mean[i] - zero));                       \
            const int32_t low = total > -32768 ? total : -32768;                                                          \
            found[i] = (int16_t)(low < 32767 ? low : 32767);                                                              \
        }                                                                                                                 \
    }
VALUES_OF(values_B, uint8_t)
VALUES_OF(values_h, int16_t)

static int64_t find_values(const Argument *a, const char **refusal)
{
    const int32_t *symbols = a[1].data, *gain = a[2].data;
    const Py_ssize_t *channels = a[4].data;
    const int64_t count = a[4].size, n = a[5].shape[1] * a[5].shape[2], all = a[5].shape[0], gains = a[2].size;
    const int16_t zero = (int16_t)a[3].number;

    NEED(a[0].size == count * n && a[1].size == a[0].size && a[5].size == all * n, "arrays must be alike");
    NEED(gains == 1 || gains == n, "a gain each or one");
    for (int64_t c = 0; c < count; c++) {
        NEED(channels[c] >= 0 && channels[c] < all, "channel beyond the values");
        int16_t *found = (int16_t *)a[5].data + channels[c] * n;
        if (a[0].kind == 'B')
            values_B((const uint8_t *)a[0].data + c * n, zero, symbols + c * n, gain, gains, found, n);
        else
            values_h((const int16_t *)a[0].data + c * n, zero, symbols + c * n, gain, gains, found, n);
    }
    return 0;
}
FUNCTION(find_values, "viinp+h")

WIDE static void scaled(const int16_t *values, float unit, float *restrict found, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        found[i] = (float)values[i] * unit;
}

static int64_t scale_values(const Argument *a, const char **refusal)
{
    const float *units = a[1].data;
    const int64_t channels = a[1].size, n = channels ? a[0].size / channels : 0;

    NEED(a[0].size == channels * n && a[2].size == a[0].size, "a unit a channel, and coefficients like values");
    for (int64_t c = 0; c < channels; c++)
        scaled((const int16_t *)a[0].data + c * n, units[c], (float *)a[2].data + c * n, n);
    return 0;
}
FUNCTION(scale_values, "hf+f")

/* -- runtime/latents/rates.py ------------------------------------------------------------------------------------- */

WIDE static void index_channel(const uint8_t *said, int16_t half, const int16_t *less, int64_t lesses, int16_t top,
                               uint8_t *restrict index, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int16_t found = (int16_t)(said[i] + half);
        if (lesses > 1)
            found = (int16_t)(found - less[i]);
        found >>= 1;
        found = found < 0 ? 0 : found;
        index[i] = (uint8_t)(found < top ? found : top);
    }
}

static int64_t find_indexes(const Argument *a, const char **refusal)
{
    const uint8_t *said = a[0].data;
    const int16_t *half = a[1].data, *less = a[2].data;
    uint8_t *index = a[4].data;
    const int64_t channels = a[0].shape[0], n = a[0].shape[1] * a[0].shape[2], lesses = a[2].size, top = a[3].number;

    NEED(a[0].size == channels * n && a[4].size == a[0].size && a[1].size == channels, "arrays must be alike");
    NEED((lesses == n || lesses == 1) && top >= 0 && top < INDEXES, "wrong top, or wrong size of what is less");
    for (int64_t c = 0; c < channels; c++) {
        const int16_t whole = (int16_t)(lesses == 1 ? half[c] - less[0] : half[c]);
        index_channel(said + c * n, whole, less, lesses, (int16_t)top, index + c * n, n);
    }
    return 0;
}
FUNCTION(find_indexes, "Bhhn+B")

/* Look values up, 8 at a time so that they are stored at once. */
static void see_channel(const uint16_t *values, const uint8_t *table, uint8_t *seen, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t eight = 0;
        for (int k = 0; k < 8; k++)
            eight |= (uint64_t)table[values[i + k]] << 8 * k;
        memcpy(seen + i, &eight, sizeof eight);
    }
    for (; i < n; i++)
        seen[i] = table[values[i]];
}

static int64_t see_values(const Argument *a, const char **refusal)
{
    const uint16_t *values = a[0].data;
    const Py_ssize_t *channels = a[1].data;
    const uint8_t *table = a[2].data, *planes = a[3].data;
    uint8_t *seen = a[5].data;
    const int64_t count = a[1].size, place = a[5].shape[1] * a[5].shape[2], all = a[0].shape[0];
    const int64_t spare = a[5].shape[0] - count;

    NEED(a[0].size == all * place && a[5].size == a[5].shape[0] * place, "wrong sizes");
    NEED(a[2].size == 1 << 16 && spare >= 0, "wrong sizes");
    for (int64_t c = 0; c < count; c++, seen += place) {
        NEED(channels[c] >= 0 && channels[c] < all, "channel beyond the values");
        see_channel(values + channels[c] * place, table, seen, place);
    }
    for (int64_t c = 0; c < spare; c++, seen += place)
        memset(seen, c < a[3].size ? planes[c] : (int)(uint8_t)a[4].number, (size_t)place);
    return 0;
}
FUNCTION(see_values, "hpBBn+B")

/* -- runtime/latents/corrections.py ------------------------------------------------------------------------------- */

enum { BINS = 64, SHIFTS = 16, MASK_BITS = 16, SHIFT_BITS = 4, MOST_BANDS = 256 };

WIDE static void correct_band(const uint8_t *index, int16_t least, int16_t shift, int16_t top, uint8_t *restrict found,
                              int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int16_t moved = index[i];
        moved = moved < least ? least : moved;
        moved = moved < top || !least ? moved : top;
        moved = (int16_t)(moved + shift);
        moved = moved < 1 ? 1 : moved;
        moved = moved < top ? moved : top;
        found[i] = (uint8_t)(least || index[i] ? moved : 0);
    }
}

static int64_t correct_indexes(const Argument *a, const char **refusal)
{
    const int64_t least = a[1].number, top = a[3].number, bands = a[2].size, n = bands ? a[0].size / bands : 0;
    const int16_t *shifts = a[2].data;

    NEED(a[0].size == bands * n && a[4].size == a[0].size, "indexes must be alike, as many in each band");
    NEED(least >= 0 && least < INDEXES && top >= 1 && top < INDEXES, "least and top must be scale indexes");
    for (int64_t b = 0; b < bands; b++)
        correct_band((const uint8_t *)a[0].data + b * n, (int16_t)least, shifts[b], (int16_t)top,
                     (uint8_t *)a[4].data + b * n, n);
    return 0;
}
FUNCTION(correct_indexes, "Bnhn+B")

WIDE static void find_bins(const float *exact, int32_t *restrict bins, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const float size = fabsf(exact[i]) + 0.33f;
        const int32_t floored = (int32_t)(size < 8388608.0f ? size : 8388608.0f); /* beyond, it is the last bin */
        union { float number; int32_t bits; } whole = {(float)floored};
        const int32_t bin = (whole.bits >> 21) - (4 * 127 - 1); /* the exponent and two bits of the mantissa */
        const int32_t most = bin < BINS - 1 ? bin : BINS - 1;
        bins[i] = most > 0 ? most : 0;
    }
}

/* Count the magnitudes of some channels by scale index; rows of counts are made when the first one falls into them. */
static int64_t count_magnitudes(const float *exact, const uint8_t *index, int64_t channels, int64_t height, int64_t width,
                                int64_t every, int64_t indexes, int64_t *counts, uint8_t *there, const char **refusal)
{
    for (int64_t c = 0; c < channels; c++)
        for (int64_t y = 0; y < height; y += every) {
            const int64_t row = (c * height + y) * width;
            for (int64_t x = 0; x < width; x += CHUNK) {
                int32_t bins[CHUNK];
                const int64_t count = width - x < CHUNK ? width - x : CHUNK;
                find_bins(exact + row + x, bins, count);
                for (int64_t i = 0; i < count; i++) {
                    const int k = index[row + x + i];
                    NEED(k < indexes, "index beyond the counts");
                    if (!there[k]) {
                        there[k] = 1;
                        memset(counts + k * BINS, 0, BINS * sizeof *counts);
                    }
                    counts[k * BINS + bins[i]] += every;
                }
            }
        }
    return 0;
}

/* Bits and counts are whole numbers of 64ths: sums are exact in any order. */
static int64_t best_least(const int64_t *counts, const uint8_t (*there)[INDEXES], int64_t bands, const double *bits,
                          const double *errors, int64_t indexes, double much)
{
    const double price = MASK_BITS + 8;
    double before = 0, least_after = 0, coded = 0;
    double zeros[BINS] = {0}, raised[BINS] = {0};
    int64_t best = 0;

    for (int64_t b = 0; b < bands; b++)
        for (int m = 0; m < BINS && there[b][0]; m++)
            zeros[m] += (double)counts[b * indexes * BINS + m];
    for (int m = 0; m < BINS; m++)
        before += zeros[m] * errors[m];
    if (before <= price)
        return 0;
    for (int64_t i = 1; i < indexes; i++) {
        double after = 0, harm = -coded;
        for (int m = 0; m < BINS; m++) {
            const double zeroed = bits[i * BINS] + errors[m], plain = bits[i * BINS + m];
            const double cost = plain < zeroed ? plain : zeroed;
            after += cost * zeros[m];
            harm += cost * raised[m];
        }
        after += harm > 0 ? harm : 0;
        if (best == 0 || after < least_after)
            best = i, least_after = after;
        for (int64_t b = 0; b < bands; b++)
            for (int m = 0; m < BINS && there[b][i]; m++) {
                const double count = (double)counts[(b * indexes + i) * BINS + m];
                raised[m] += count;
                coded += count * bits[i * BINS + m];
            }
    }
    return best && before > much * least_after + price ? best : 0;
}

static int64_t choose_corrections(const Argument *a, const char **refusal)
{
    const double *bits = a[3].data, *shifted = a[4].data, *errors = a[5].data, much = a[6].real;
    const int64_t channels = a[1].shape[0], plane = a[1].shape[1] * a[1].shape[2], every = a[2].number;
    const int64_t bands = a[8].size, indexes = a[3].shape[0], part = bands ? channels / bands : 0;
    int64_t *counts = a[7].data, *shifts = a[8].data;
    uint8_t there[MOST_BANDS][INDEXES];
    const int none = SHIFTS / 2;
    double saved = 0;

    NEED(a[1].size == channels * plane && a[0].size == a[1].size, "values and indexes must be alike");
    NEED(bands > 0 && bands <= MOST_BANDS && part * bands == channels, "as many channels in each band");
    NEED(every > 0 && every <= 1 << 20, "every so many-th row");
    NEED(indexes > 0 && indexes <= INDEXES && a[3].size == indexes * BINS && a[5].size == BINS, "bits must have 64 bins");
    NEED(a[7].size == bands * a[3].size && a[4].size == a[3].size * SHIFTS, "bits must suit counts");
    memset(there, 0, (size_t)bands * sizeof *there);
    for (int64_t b = 0; b < bands; b++)
        count_magnitudes((const float *)a[0].data + b * part * plane, (const uint8_t *)a[1].data + b * part * plane, part,
                         a[1].shape[1], a[1].shape[2], every, indexes, counts + b * indexes * BINS, there[b], refusal);
    if (*refusal != NULL)
        return 0;
    const int64_t least = best_least(counts, there, bands, bits, errors, indexes, much);
    for (int64_t b = 0; b < bands; b++) {
        const int64_t *band = counts + b * indexes * BINS;
        double total[SHIFTS] = {0};
        int best = 0;
        for (int64_t i = 0; i < indexes; i++) {
            const double *raised = shifted + (i < least ? least : i) * BINS * SHIFTS;
            for (int m = 0; m < BINS && there[b][i]; m++)
                for (int s = 0; s < SHIFTS && band[i * BINS + m]; s++)
                    total[s] += (double)band[i * BINS + m] * raised[m * SHIFTS + s];
        }
        for (int s = 1; s < SHIFTS; s++)
            best = total[s] < total[best] ? s : best;
        saved += total[none] - total[best];
        shifts[b] = total[best] < total[none] ? best - none : 0;
    }
    if (!(saved > SHIFT_BITS * bands + MASK_BITS))
        memset(shifts, 0, (size_t)bands * sizeof *shifts);
    return least;
}
FUNCTION(choose_corrections, "fBndddr+q+q")

/* -- runtime/latents/wavelet.py ----------------------------------------------------------------------------------- */

enum { LIFTS = 4, RING = 4 };

WIDE static void lift_row(float *restrict target, const float *one, const float *other, float factor, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        target[i] += factor * (one[i] + other[i]);
}

WIDE static void lift_by_following(float *restrict target, const float *restrict source, float factor, int64_t n)
{
    for (int64_t i = 0; i < n - 1; i++)
        target[i] += factor * (source[i] + source[i + 1]);
    target[n - 1] += factor * (source[n - 1] + source[n - 1]);
}

WIDE static void lift_by_preceding(float *restrict target, const float *restrict source, float factor, int64_t n)
{
    target[0] += factor * (source[0] + source[0]);
    for (int64_t i = 1; i < n; i++)
        target[i] += factor * (source[i - 1] + source[i]);
}

WIDE static void split_row(const float *row, const float *factor, float *restrict left, float *restrict right, int64_t w)
{
    const float f0 = factor[0];
    for (int64_t i = 0; i < w - 1; i++) {
        left[i] = row[2 * i];
        right[i] = row[2 * i + 1] + f0 * (row[2 * i] + row[2 * i + 2]);
    }
    left[w - 1] = row[2 * w - 2];
    right[w - 1] = row[2 * w - 1] + f0 * (row[2 * w - 2] + row[2 * w - 2]);
    lift_by_preceding(left, right, factor[1], w);
    lift_by_following(right, left, factor[2], w);
    lift_by_preceding(left, right, factor[3], w);
}

WIDE static void lift_rows(float *restrict low, float *restrict high, const float *restrict before,
                           const float *restrict after, const float *factor, int64_t n)
{
    const float f0 = factor[0], f1 = factor[1];
    for (int64_t i = 0; i < n; i++) {
        high[i] += f0 * (low[i] + after[i]);
        low[i] += f1 * (before[i] + high[i]);
    }
}

/* Two of the four lifting steps of columns, on row t, which is there as low and as high. */
static void split_columns(float *low, float *high, const float *factor, int64_t t, int64_t h, int64_t w)
{
    float *const its_low = low + t * w, *const its_high = high + t * w;
    if (t > 0 && t + 1 < h) {
        lift_rows(its_low, its_high, its_high - w, its_low + w, factor, w);
    } else { /* at an edge it is its own neighbour */
        lift_row(its_high, its_low, t + 1 < h ? its_low + w : its_low, factor[0], w);
        lift_row(its_low, t > 0 ? its_high - w : its_high, its_high, factor[1], w);
    }
}

static int64_t split_level(const Argument *a, const char **refusal)
{
    const float *x = a[0].data, *factor = a[1].data;
    float *low = a[2].data, *details = a[3].data, *spare = a[4].data;
    const int64_t planes = a[0].shape[0], h = a[0].shape[1] / 2, w = a[0].shape[2] / 2, n = h * w;
    const int64_t colours = n ? a[3].size / (3 * n) : 0;

    NEED(a[0].size == 4 * planes * n && n > 0 && a[1].size == LIFTS, "sides must be even, and four factors given");
    NEED(a[2].size == planes * n && a[3].size == 3 * colours * n && colours <= planes, "wrong sizes of bands");
    NEED(a[4].size == n + w, "wrong size of scratch");
    for (int64_t plane = 0; plane < planes; plane++, x += 4 * n, low += n, details += 3 * n) {
        const int wanted = plane < colours;
        float *high = wanted ? details : spare, *right_low = wanted ? details + n : spare + n;
        float *right_high = wanted ? details + 2 * n : spare + n;
        const int64_t step = wanted ? w : 0; /* the right half of an unwanted row is forgotten at once */
        split_row(x, factor, low, right_low, w);
        for (int64_t t = 0; t <= h; t++) {
            if (t < h) {
                split_row(x + (2 * t + 1) * 2 * w, factor, high + t * w, right_high + t * step, w);
                if (t + 1 < h)
                    split_row(x + (2 * t + 2) * 2 * w, factor, low + (t + 1) * w, right_low + (t + 1) * step, w);
                split_columns(low, high, factor, t, h, w);
                if (wanted)
                    split_columns(right_low, right_high, factor, t, h, w);
            }
            if (t > 0) { /* one row behind */
                split_columns(low, high, factor + 2, t - 1, h, w);
                if (wanted)
                    split_columns(right_low, right_high, factor + 2, t - 1, h, w);
            }
        }
    }
    return 0;
}
FUNCTION(split_level, "ff+f+f+f")

WIDE static void join_row(float *restrict left, float *restrict right, const float *factor, int detailed,
                          float *restrict row, int64_t w)
{
    if (detailed)
        lift_by_preceding(left, right, factor[0], w);
    lift_by_following(right, left, factor[1], w);
    lift_by_preceding(left, right, factor[2], w);
    lift_by_following(right, left, factor[3], w);
    for (int64_t i = 0; i < w; i++) {
        row[2 * i] = left[i];
        row[2 * i + 1] = right[i];
    }
}

/* A band (h, w) as floats, or as whole numbers packed by 2 x 2 into four channels, in a unit. */
typedef struct {
    const float *plain;
    const int16_t *packed;
    float unit;
} Band;

WIDE static void unpack_row(const int16_t *even, const int16_t *odd, float unit, float *restrict row, int64_t w)
{
    for (int64_t i = 0; i < w; i++) {
        row[2 * i] = (float)even[i] * unit;
        row[2 * i + 1] = (float)odd[i] * unit;
    }
}

static void load_row(const Band *band, float *row, int64_t y, int64_t h, int64_t w)
{
    if (band->plain != NULL) {
        memcpy(row, band->plain + y * w, (size_t)w * sizeof *row);
    } else if (band->packed != NULL) {
        const int64_t channel = h / 2 * (w / 2);
        const int16_t *even = band->packed + 2 * (y % 2) * channel + y / 2 * (w / 2);
        unpack_row(even, even + channel, band->unit, row, w / 2);
    } else {
        memset(row, 0, (size_t)w * sizeof *row);
    }
}

/* Rings of the rows that lifting of columns needs at a time: row t is at t mod 4. */
typedef struct {
    float *low, *high;
} Ring;

static float *ring_row(float *rows, int64_t t, int64_t w)
{
    return rows + (t % RING) * w;
}

/* Lifting of columns as far as row t allows: low rows are done up to t - 1, high ones up to t - 2. */
static void join_columns(const Ring *ring, const Band *low, const Band *high, int detailed, const float *factor, int64_t t,
                         int64_t h, int64_t w)
{
    float *const lows = ring->low, *const highs = ring->high;

    if (t < h) {
        load_row(low, ring_row(lows, t, w), t, h, w);
        load_row(high, ring_row(highs, t, w), t, h, w);
        if (detailed)
            lift_row(ring_row(lows, t, w), ring_row(highs, t ? t - 1 : 0, w), ring_row(highs, t, w), factor[0], w);
    }
    if (t >= 1 && t - 1 < h) {
        const int64_t u = t - 1, after = u + 1 < h ? u + 1 : u;
        lift_row(ring_row(highs, u, w), ring_row(lows, u, w), ring_row(lows, after, w), factor[1], w);
        lift_row(ring_row(lows, u, w), ring_row(highs, u ? u - 1 : 0, w), ring_row(highs, u, w), factor[2], w);
    }
    if (t >= 2) {
        const int64_t v = t - 2, after = v + 1 < h ? v + 1 : v;
        lift_row(ring_row(highs, v, w), ring_row(lows, v, w), ring_row(lows, after, w), factor[3], w);
    }
}

/* Join a plane (2 h, 2 w) from its low band and three others, or from the low band alone. */
static void join_plane(const Band *low, const Band *details, const float *factor, float *scratch, float *x, int64_t h,
                       int64_t w)
{
    static const Band nothing = {NULL, NULL, 0};
    const Ring left = {scratch, scratch + RING * w}, right = {scratch + 2 * RING * w, scratch + 3 * RING * w};
    const int detailed = details != NULL;

    for (int64_t t = 0; t < h + 2; t++) {
        join_columns(&left, low, detailed ? &details[0] : &nothing, detailed, factor, t, h, w);
        if (detailed)
            join_columns(&right, &details[1], &details[2], detailed, factor, t, h, w);
        if (t < 2)
            continue;
        for (int odd = 0; odd < 2; odd++) {
            float *half = ring_row(odd ? left.high : left.low, t - 2, w);
            float *other = ring_row(odd ? right.high : right.low, t - 2, w);
            if (!detailed)
                memset(other, 0, (size_t)w * sizeof *other);
            join_row(half, other, factor, detailed, x + (2 * (t - 2) + odd) * 2 * w, w);
        }
    }
}

static int64_t join_level(const Argument *a, const char **refusal)
{
    const float *low = a[0].data, *details = a[1].data, *factor = a[2].data;
    const int64_t planes = a[0].shape[0], h = a[0].shape[1], w = a[0].shape[2], n = h * w;
    const int64_t colours = n ? a[1].size / (3 * n) : 0;

    NEED(a[0].size == planes * n && n > 0 && a[2].size == LIFTS, "bands must have rows, and four factors given");
    NEED(a[1].size == 3 * colours * n && colours <= planes && a[4].size == 4 * planes * n, "wrong sizes of bands");
    NEED(a[3].size == 4 * RING * w, "wrong size of scratch");
    for (int64_t plane = 0; plane < planes; plane++, low += n) {
        const Band lowest = {low, NULL, 1};
        Band bands[3] = {{NULL, NULL, 1}};
        for (int k = 0; k < 3 && plane < colours; k++)
            bands[k] = (Band){details + (3 * plane + k) * n, NULL, 1};
        join_plane(&lowest, plane < colours ? bands : NULL, factor, a[3].data, (float *)a[4].data + 4 * n * plane, h, w);
    }
    return 0;
}
FUNCTION(join_level, "fff+f+f")

/* -- runtime/families/pyramid/transform.py ------------------------------------------------------------------------ */

static int64_t join_packed(const Argument *a, const char **refusal)
{
    const float *low = a[0].data, *units = a[2].data, *factor = a[3].data;
    const int16_t *packed = a[1].data;
    const int64_t planes = a[0].shape[0], h = a[0].shape[1], w = a[0].shape[2], n = h * w, colours = a[2].size / 3;

    NEED(a[0].size == planes * n && n > 0 && a[3].size == LIFTS, "bands must have rows, and four factors given");
    NEED(h % 2 == 0 && w % 2 == 0 && a[1].size == 3 * colours * n, "sides must be even, and four channels a band");
    NEED(a[2].size == 3 * colours && colours <= planes && a[5].size == 4 * planes * n, "wrong sizes of bands");
    NEED(a[4].size == 4 * RING * w, "wrong size of scratch");
    for (int64_t plane = 0; plane < planes; plane++, low += n) {
        const Band lowest = {low, NULL, 1};
        Band bands[3] = {{NULL, NULL, 0}};
        for (int k = 0; k < 3 && plane < colours; k++)
            bands[k] = (Band){NULL, packed + (3 * plane + k) * n, units[3 * plane + k]};
        join_plane(&lowest, plane < colours ? bands : NULL, factor, a[4].data, (float *)a[5].data + 4 * n * plane, h, w);
    }
    return 0;
}
FUNCTION(join_packed, "fhff+f+f")

/* -- runtime/latents/colours.py ----------------------------------------------------------------------------------- */

enum { MIDDLE = 128 };

WIDE static void colours_of(const uint8_t *pixels, const float *factor, float *restrict luma, float *restrict first,
                            float *restrict second, int64_t n)
{
    const float f0 = factor[0], f1 = factor[1], f2 = factor[2];
    for (int64_t i = 0; i < n; i++) {
        const int red = pixels[3 * i], green = pixels[3 * i + 1], blue = pixels[3 * i + 2], outer = red + blue;
        luma[i] = (float)(outer + green - 3 * MIDDLE) * f0;
        first[i] = (float)(red - blue) * f1;
        second[i] = (float)(outer - 2 * green) * f2;
    }
}

static int64_t split_colours(const Argument *a, const char **refusal)
{
    float *found = a[4].data;
    const int64_t height = a[0].shape[0], width = a[0].shape[1], top = a[1].number, left = a[2].number;
    const int64_t h = a[4].shape[1], w = a[4].shape[2], n = h * w;

    NEED(a[0].size == 3 * height * width && a[3].size == 3 && a[4].size == 3 * n, "three colours, factors and signals");
    NEED(top >= 0 && top < height && left >= 0 && left < width, "must begin within the pixels");
    const int64_t there = width - left < w ? width - left : w;
    for (int64_t y = 0; y < h; y++, found += w) {
        const int64_t row = top < height - 1 - y ? top + y : height - 1;
        colours_of((const uint8_t *)a[0].data + 3 * (row * width + left), a[3].data, found, found + n, found + 2 * n, there);
        for (int colour = 0; colour < 3; colour++)
            for (int64_t x = there; x < w; x++)
                found[colour * n + x] = found[colour * n + there - 1];
    }
    return 0;
}
FUNCTION(split_colours, "Bnnf+f")

WIDE static void samples_of(const float *luma, const float *first, const float *second, const float *factor,
                            float samples[3][CHUNK], int64_t n)
{
    const float f0 = factor[0], f1 = factor[1], f2 = factor[2];
    for (int64_t i = 0; i < n; i++) {
        const float green = second[i] * f2, red_blue = first[i] * f1;
        const float middle = luma[i] * f0 + (MIDDLE + 0.5f); /* half a level, since what follows rounds down */
        const float outer = middle + green;
        samples[0][i] = outer + red_blue;
        samples[1][i] = middle - green - green;
        samples[2][i] = outer - red_blue;
    }
}

WIDE static void change_samples(float *restrict samples, const int16_t *change, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        samples[i] += (float)change[i] * 0.25f;
}

WIDE static void pixels_of(const float samples[3][CHUNK], uint8_t *restrict pixels, int64_t n)
{
    int32_t whole[3][CHUNK];
    for (int k = 0; k < 3; k++)
        for (int64_t i = 0; i < CHUNK; i++)
            whole[k][i] = (int32_t)between(samples[k][i], 0, 255);
    for (int64_t i = 0; i < n; i++) {
        pixels[3 * i] = (uint8_t)whole[0][i];
        pixels[3 * i + 1] = (uint8_t)whole[1][i];
        pixels[3 * i + 2] = (uint8_t)whole[2][i];
    }
}

static int64_t join_colours(const Argument *a, const char **refusal)
{
    const float *signals = a[0].data;
    const int16_t *change = a[2].size ? a[2].data : NULL;
    uint8_t *pixels = a[3].data;
    const int64_t n = a[0].size / 3;

    NEED(a[0].size == 3 * n && a[1].size == 3 && a[3].size == 3 * n, "three signals, factors and colours of pixels");
    NEED(a[2].size == 0 || a[2].size == 3 * n, "corrections must be like signals");
    for (int64_t at = 0; at < n; at += CHUNK) {
        float samples[3][CHUNK] = {{0}};
        const int64_t count = n - at < CHUNK ? n - at : CHUNK;
        samples_of(signals + at, signals + n + at, signals + 2 * n + at, a[1].data, samples, count);
        for (int k = 0; k < 3 && change != NULL; k++)
            change_samples(samples[k], change + k * n + at, count);
        pixels_of(samples, pixels + 3 * at, count);
    }
    return 0;
}
FUNCTION(join_colours, "ffh+B")

WIDE static void pack_row(const float *row, float most, int16_t *restrict even, int16_t *restrict odd, int64_t w)
{
    for (int64_t i = 0; i < w; i++) {
        const float one = between(row[2 * i], -most, most) + ROUNDING, other = between(row[2 * i + 1], -most, most) + ROUNDING;
        even[i] = (int16_t)(int32_t)(one - ROUNDING);
        odd[i] = (int16_t)(int32_t)(other - ROUNDING);
    }
}

static int64_t pack_rounded(const Argument *a, const char **refusal)
{
    const float *details = a[0].data;
    int16_t *packed = a[6].data;
    const int64_t channels = a[0].shape[0], height = a[0].shape[1], width = a[0].shape[2], top = a[1].number;
    const int64_t left = a[2].number, rows = a[3].number, columns = a[4].number, most = a[5].number;
    const int64_t h = a[6].shape[1], w = a[6].shape[2], row = a[7].number, column = a[8].number;

    NEED(a[0].size == channels * height * width && a[6].size == 4 * channels * h * w, "four channels for each");
    NEED(rows >= 0 && rows % 2 == 0 && columns >= 0 && columns % 2 == 0, "sides must be even");
    NEED(rows <= height && columns <= width && top >= 0 && top <= height - rows && left >= 0 && left <= width - columns,
         "rows and columns must be within the details");
    NEED(rows <= 2 * h && columns <= 2 * w && row >= 0 && row <= h - rows / 2 && column >= 0 && column <= w - columns / 2,
         "rows and columns must be within what is packed");
    NEED(most > 0 && most <= INT16_MAX, "whole numbers of 16 bits");
    for (int64_t c = 0; c < channels; c++)
        for (int64_t y = 0; y < rows; y++) {
            int16_t *even = packed + ((4 * c + 2 * (y % 2)) * h + row + y / 2) * w + column;
            pack_row(details + (c * height + top + y) * width + left, (float)most, even, even + h * w, columns / 2);
        }
    return 0;
}
FUNCTION(pack_rounded, "fnnnnn+hnn")

/* -- runtime/families/pyramid/chroma.py --------------------------------------------------------------------------- */

/* Of both chroma signals at each column of two rows: sums, and sums of squares. */
typedef struct {
    int32_t sums[2][CHUNK + 1], squares[2][CHUNK + 1];
} Chroma;

WIDE static void chroma_of(const uint8_t *restrict upper, const uint8_t *restrict lower, Chroma *restrict found, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const int32_t red = upper[3 * i], green = upper[3 * i + 1], blue = upper[3 * i + 2];
        const int32_t red_below = lower[3 * i], green_below = lower[3 * i + 1], blue_below = lower[3 * i + 2];
        const int32_t first = red - blue, first_below = red_below - blue_below;
        const int32_t second = red + blue - 2 * green, second_below = red_below + blue_below - 2 * green_below;
        found->sums[0][i] = first + first_below;
        found->squares[0][i] = first * first + first_below * first_below;
        found->sums[1][i] = second + second_below;
        found->squares[1][i] = second * second + second_below * second_below;
    }
}

/* Return 4 times the squares of the details of up to 256 columns, which are below 2**23 each. */
WIDE static int32_t detail_of(const int32_t *sums, const int32_t *squares, int64_t n)
{
    int32_t total = 0;
    for (int64_t i = 0; i < n; i++) {
        const int32_t sum = sums[i] + sums[i + 1];
        total += 4 * (squares[i] + squares[i + 1]) - sum * sum;
    }
    return total;
}

static int64_t sum_chroma(const Argument *a, const char **refusal)
{
    const uint8_t *pixels = a[0].data;
    const int64_t *seen = a[1].data;
    int64_t *squares = a[4].data;
    const int64_t height = a[0].shape[0], width = a[0].shape[1], across = a[2].number, side = a[3].number;
    const int64_t rows = a[4].shape[0], columns = a[4].shape[1];

    NEED(a[0].size == 3 * height * width && width > 0 && a[4].size == rows * columns, "pixels must have three colours");
    NEED(across > 0 && across <= INT32_MAX && side > 0 && side <= CHUNK, "wrong sides of squares");
    NEED((a[1].size + across - 1) / across == rows && (width + side - 1) / side == columns, "wrong number of squares");
    memset(squares, 0, (size_t)a[4].size * sizeof *squares);
    for (int64_t k = 0; k < a[1].size; k++) {
        const int64_t y = seen[k], row = k / across;
        NEED(y >= 0 && y < height, "row beyond the pixels");
        const uint8_t *upper = pixels + 3 * y * width, *lower = y + 1 < height ? upper + 3 * width : upper;
        for (int64_t left = 0, column = 0; left < width; left += side, column++) {
            Chroma found;
            const int64_t count = width - left < side ? width - left : side, last = left + count < width ? count : count - 1;
            int64_t *total = &squares[row * columns + column];
            chroma_of(upper + 3 * left, lower + 3 * left, &found, last + 1);
            for (int s = 0; s < 2; s++) { /* the last column goes on beyond the picture */
                found.sums[s][count] = found.sums[s][last];
                found.squares[s][count] = found.squares[s][last];
            }
            *total += 3 * (int64_t)detail_of(found.sums[0], found.squares[0], count);
            *total += detail_of(found.sums[1], found.squares[1], count);
        }
    }
    return 0;
}
FUNCTION(sum_chroma, "Bqnn+q")

/* -- runtime/families/pyramid/levels.py --------------------------------------------------------------------------- */

WIDE static void add_sizes(const int16_t *luma, uint32_t step, int32_t most, uint32_t *restrict sums, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const int32_t value = luma[i], size = value < 0 ? -value : value;
        sums[i] += (uint32_t)(size < most ? size : most) * step;
    }
}

static int64_t find_masking(const Argument *a, const char **refusal)
{
    const int16_t *luma = a[0].data;
    const int32_t *steps = a[1].data, *thresholds = a[3].data;
    const float *low = a[2].data, *dark = a[4].data;
    int16_t *masking = a[8].data;
    const int64_t channels = a[0].shape[0], h = a[0].shape[1], w = a[0].shape[2], least = a[7].number;

    NEED(a[0].size == channels * h * w && a[1].size == channels && a[8].size == 4 * h * w, "wrong sizes");
    NEED(a[2].size == h * w, "a low band as large as detail");
    NEED(a[5].number >= 0 && a[5].number <= INT16_MAX + 1 && a[6].number >= 0 && a[6].number < 32, "wrong limits");
    for (int64_t y = 0; y < h; y++)
        for (int64_t left = 0; left < w; left += CHUNK) {
            uint32_t sums[CHUNK] = {0};
            const int64_t count = w - left < CHUNK ? w - left : CHUNK;
            for (int64_t c = 0; c < channels; c++)
                add_sizes(luma + (c * h + y) * w + left, (uint32_t)steps[c], (int32_t)a[5].number, sums, count);
            for (int64_t i = 0; i < count; i++) {
                const int32_t size = (int32_t)sums[i] >> a[6].number;
                int16_t found = (int16_t)least;
                for (int64_t k = 0; k < a[3].size; k++)
                    found = (int16_t)(found + (thresholds[k] <= size));
                for (int64_t k = 0; k < a[4].size; k++)
                    found = (int16_t)(found + !(dark[k] > low[y * w + left + i])); /* nan: all */
                int16_t *place = masking + 4 * y * w + 2 * (left + i);
                place[0] = place[1] = place[2 * w] = place[2 * w + 1] = found;
            }
        }
    return 0;
}
FUNCTION(find_masking, "hififnnn+h")

static int64_t find_gains(const Argument *a, const char **refusal)
{
    const int16_t *masking = a[0].data;
    const int32_t *gains = a[1].data;
    int32_t *gain = a[3].data;
    const int64_t n = a[0].size, known = a[1].size, least = a[2].number;

    NEED(a[3].size == n && least >= INT16_MIN && least <= INT16_MAX, "gains must be like masking, which has 16 bits");
    for (int64_t i = 0; i < n; i++) {
        const int64_t k = masking[i] - least;
        NEED(k >= 0 && k < known, "masking beyond the gains");
        gain[i] = gains[k];
    }
    return 0;
}
FUNCTION(find_gains, "hin+i")

/* -- runtime/families/pyramid/guesses.py -------------------------------------------------------------------------- */

/* The products of one colour's three bands with luma's, summed. */
WIDE static void summed_products(const int16_t *luma, const float *luma_units, const int16_t *colour, const float *units,
                                 float *restrict sums, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float sum = (float)colour[i] * units[0] * ((float)luma[i] * luma_units[0]);
        sum += (float)colour[i + n] * units[1] * ((float)luma[i + n] * luma_units[1]);
        sum += (float)colour[i + 2 * n] * units[2] * ((float)luma[i + 2 * n] * luma_units[2]);
        sums[i] = sum;
    }
}

/* Three rows summed. */
WIDE static void summed_rows(const float *above, const float *here, const float *below, float *restrict sums, int64_t w)
{
    for (int64_t i = 0; i < w; i++)
        sums[i] = above[i] + here[i] + below[i];
}

/* Products over squares, three columns of each summed. */
WIDE static void divided(const float *products, const float *squares, float ridge, float limit, float *restrict slopes,
                         int64_t w)
{
    for (int64_t i = 0; i < w; i++) {
        const float slope = (products[i] + products[i + 1] + products[i + 2]) /
                            (squares[i] + squares[i + 1] + squares[i + 2] + ridge);
        const float low = slope > -limit ? slope : -limit;
        slopes[i] = low < limit ? low : limit;
    }
}

static int64_t find_slopes(const Argument *a, const char **refusal)
{
    const int16_t *details = a[0].data;
    const float *unit = a[1].data, *ridges = a[2].data, limit = (float)a[3].real;
    float *sums = a[4].data, *slopes = a[5].data;
    const int64_t h = a[5].shape[1], w = a[5].shape[2], n = h * w;

    NEED(a[0].size == 9 * n && a[1].size == 9 && a[4].size == 3 * n && a[5].size == 2 * n, "arrays must be alike");
    NEED(a[2].size == 2, "two ridges");
    for (int64_t colour = 0; colour < 3; colour++)
        summed_products(details, unit, details + 3 * colour * n, unit + 3 * colour, sums + colour * n, n);
    for (int64_t y = 0; y < h; y++)
        for (int64_t left = 0; left < w; left += CHUNK) {
            const int64_t right = left + CHUNK < w ? left + CHUNK : w, from = left ? left - 1 : 0;
            const int64_t to = right < w ? right + 1 : w, above = y ? y - 1 : 0, below = y + 1 < h ? y + 1 : y;
            float rows[3][CHUNK + 2];
            for (int64_t colour = 0; colour < 3; colour++) {
                const float *plane = sums + colour * n;
                float *row = rows[colour] + 1 + from - left;
                summed_rows(plane + above * w + from, plane + y * w + from, plane + below * w + from, row, to - from);
                if (!left)
                    rows[colour][0] = rows[colour][1];
                if (right == w)
                    rows[colour][1 + right - left] = rows[colour][right - left];
            }
            for (int64_t colour = 0; colour < 2; colour++)
                divided(rows[1 + colour], rows[0], ridges[colour], limit, slopes + colour * n + y * w + left,
                        right - left);
        }
    return 0;
}
FUNCTION(find_slopes, "hffr+f+f")

WIDE static void guessed(const uint8_t *mean, const int16_t *luma, const float *slopes, float factor, float limit,
                         int16_t *restrict found, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const float guess = slopes[i] * (float)luma[i] * factor;
        const float low = guess > -limit ? guess : -limit, within = low < limit ? low : limit;
        found[i] = (int16_t)(mean[i] + (int32_t)(within + ROUNDING - ROUNDING));
    }
}

static int64_t add_guesses(const Argument *a, const char **refusal)
{
    const uint8_t *mean = a[0].data;
    const int16_t *luma = a[1].data;
    const float *slopes = a[2].data, *factors = a[3].data, limit = (float)a[4].number;
    int16_t *found = a[5].data;
    const int64_t bands = a[3].shape[1], n = a[5].shape[1] * a[5].shape[2], lumas = n ? a[1].size / n : 0;

    NEED(a[5].size == 2 * lumas * n && a[0].size == a[5].size && a[1].size == lumas * n, "arrays must be alike");
    NEED(a[2].size == 2 * n && a[3].size == 2 * bands && bands > 0 && lumas % bands == 0, "a slope and a factor a colour");
    NEED(a[4].number >= 0 && a[4].number <= 32512, "guesses and means must fit 16 bits");
    for (int64_t channel = 0; channel < 2 * lumas; channel++) {
        const int64_t colour = channel / lumas, of = channel % lumas, band = of / (lumas / bands);
        guessed(mean + channel * n, luma + of * n, slopes + colour * n, factors[colour * bands + band], limit,
                found + channel * n, n);
    }
    return 0;
}
FUNCTION(add_guesses, "Bhffn+h")

/* -- runtime/exact/strips.py -------------------------------------------------------------------------------------- */

enum { CAUSAL = 6, SIZED = 8, AROUND = 8, CONTEXTS = 40, WEIGHT_BITS = 12, EIGHTHS = 8, ONE = 16 };
enum { ABOVE = 2, LEFT = 2, FRAME = 3 }; /* FRAME: columns beside a plane, on both sides */

static int are_levels(const int16_t *base, int64_t n)
{
    int others = 0;
    for (int64_t i = 0; i < n; i++)
        others |= base[i] & ~UINT8_MAX;
    return others == 0;
}

static int64_t known_energy(const Argument *a, const char **refusal)
{
    const int16_t *base = a[0].data;
    const uint16_t *sizes = a[1].data;
    const int32_t *energies = a[2].data;
    int32_t *energy = a[3].data;
    const int64_t h = a[3].shape[0], w = a[3].shape[1], across = w + 2, framed = (h + 2) * across;
    const int64_t planes = a[1].size / framed;
    const int64_t around[AROUND] = {-1, -across, 1, across, -across - 1, -across + 1, across - 1, across + 1};

    NEED(a[0].size == framed && a[1].size == planes * framed && a[3].size == h * w, "planes must be framed");
    NEED(a[2].size == 2 + 3 * planes, "wrong number of energies");
    NEED(are_levels(base, framed), "base must be 0 to 255");
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++) {
            const int64_t at = (y + 1) * across + x + 1;
            int32_t activity = 0;
            for (int k = 0; k < AROUND; k++)
                activity += abs(base[at + around[k]] - base[at]);
            uint32_t total = (uint32_t)energies[0] * (uint32_t)activity + (uint32_t)energies[1] * ONE;
            for (int64_t p = 0; p < planes; p++) {
                const uint16_t *size = sizes + p * framed + at;
                uint32_t ring[2] = {0, 0};
                for (int k = 0; k < AROUND; k++)
                    ring[k / 4] += size[around[k]];
                total += (uint32_t)energies[2 + 3 * p] * size[0];
                total += (uint32_t)energies[3 + 3 * p] * ring[0] + (uint32_t)energies[4 + 3 * p] * ring[1];
            }
            energy[y * w + x] = (int32_t)total;
        }
    return 0;
}
FUNCTION(known_energy, "hHi+i")

static inline int32_t floor_divided(int32_t number, int32_t by)
{
    return number / by - (number % by < 0);
}

/* What encode_strip and decode_strip share: the arguments that say what surrounds errors, and where a pixel is. */
typedef struct {
    const int16_t *errors, *base, *before;
    uint16_t *sizes;
    const int32_t *energy, *weights, *energies, *tables;
    const uint8_t *classes;
    int64_t h, w, planes, class_count, framed, causal[CAUSAL], sized[SIZED], around[AROUND];
    int32_t step, thresholds[CONTEXTS];
} Strip;

/* What is expected of an error. */
typedef struct {
    int32_t steps, eighths; /* whole steps; eighths of a level */
    int32_t table, beneath;
} Expectation;

static void open_strip(const Argument *a, Strip *s, const char **refusal)
{
    static const int32_t QUARTERS[4] = {16, 19, 23, 27};
    const int64_t h = a[2].shape[0], w = a[2].shape[1], across = w + FRAME, line = w + 2, framed = (h + 2) * line;
    const int64_t causal[CAUSAL] = {-1, -across, -across - 1, -across + 1, -2, -2 * across};
    const int64_t around[AROUND] = {-1, -line, 1, line, -line - 1, -line + 1, line - 1, line + 1};

    memset(s, 0, sizeof *s);
    s->errors = a[0].data, s->sizes = a[1].data, s->energy = a[2].data, s->base = a[3].data, s->before = a[4].data;
    s->weights = a[5].data, s->energies = a[6].data, s->classes = a[7].data, s->tables = a[8].data;
    s->h = h, s->w = w, s->framed = framed, s->planes = a[4].size / framed, s->class_count = a[5].shape[0];
    s->step = (int32_t)a[9].number;
    memcpy(s->causal, causal, sizeof causal);
    memcpy(s->sized, causal, sizeof causal);
    memcpy(s->around, around, sizeof around);
    s->sized[6] = 1 - 2 * across, s->sized[7] = -across - 2;
    for (int j = 0; j < CONTEXTS - 1; j++)
        s->thresholds[j] = QUARTERS[j % 4] << (j / 4 + 3);
    if (h * w < 1 || a[2].size != h * w || a[0].size != (h + ABOVE) * across || a[1].size != a[0].size)
        *refusal = "errors and sizes must be framed";
    else if (a[3].size != framed || a[4].size != s->planes * framed)
        *refusal = "planes must be framed";
    else if (a[5].size != s->class_count * (CAUSAL + AROUND + (1 + AROUND) * s->planes) || a[6].size != SIZED)
        *refusal = "wrong number of weights or energies";
    else if (a[7].size != CONTEXTS || a[8].size != CONTEXTS)
        *refusal = "wrong number of classes or tables";
    else if (a[9].number < 1 || a[9].number > 255)
        *refusal = "step must be 1 to 255";
    else if (!are_levels(s->base, framed))
        *refusal = "base must be 0 to 255";
    for (int j = 0; j < CONTEXTS && *refusal == NULL; j++)
        if (s->classes[j] >= s->class_count)
            *refusal = "class beyond the weights";
}

/* Fill in what is expected of the error of a pixel: `at` is its place in errors and sizes. */
static inline void expect(const Strip *s, int64_t y, int64_t x, int64_t at, Expectation *found)
{
    const int16_t *base = s->base + (y + 1) * (s->w + 2) + x + 1;
    const int16_t *before = s->before + (base - s->base);
    const int32_t beneath = EIGHTHS * base[0], most = EIGHTHS * 255 - beneath;
    uint32_t sum = 0, energy = (uint32_t)s->energy[y * s->w + x];
    int context = 0;

    for (int k = 0; k < SIZED; k++)
        energy += (uint32_t)s->energies[k] * s->sizes[at + s->sized[k]];
    for (int half = 32; half > 0; half /= 2) /* thresholds rise */
        if (context + half < CONTEXTS && s->thresholds[context + half - 1] <= (int32_t)energy)
            context += half;
    const int32_t *weight = s->weights + s->classes[context] * (CAUSAL + AROUND + (1 + AROUND) * s->planes);
    for (int k = 0; k < CAUSAL; k++)
        sum += (uint32_t)*weight++ * (uint32_t)(int32_t)s->errors[at + s->causal[k]];
    for (int k = 0; k < AROUND; k++)
        sum += (uint32_t)*weight++ * (uint32_t)(base[s->around[k]] - base[0]);
    for (int64_t p = 0; p < s->planes; p++, before += s->framed) {
        sum += (uint32_t)*weight++ * (uint32_t)(int32_t)before[0];
        for (int k = 0; k < AROUND; k++)
            sum += (uint32_t)*weight++ * (uint32_t)(int32_t)before[s->around[k]];
    }
    int32_t eighths = (int32_t)(sum + (1u << (WEIGHT_BITS - 4))) >> (WEIGHT_BITS - 3);
    eighths = eighths < -beneath ? -beneath : eighths > most ? most : eighths;
    const int32_t parts = floor_divided(2 * eighths + s->step, 2 * s->step);
    found->eighths = eighths;
    found->steps = (parts + EIGHTHS / 2) >> 3;
    found->table = (int32_t)((uint32_t)s->tables[context] + (uint32_t)(parts - EIGHTHS * found->steps + EIGHTHS / 2));
    found->beneath = base[0];
}

static inline uint16_t size_off(int32_t error, int32_t eighths)
{
    const int32_t off = EIGHTHS * error - eighths;
    return (uint16_t)(off < 0 ? -off : off);
}

static int64_t encode_strip(const Argument *a, const char **refusal)
{
    Strip s;
    int32_t *codes = a[10].data;
    int64_t j = 0;

    open_strip(a, &s, refusal);
    if (*refusal != NULL)
        return 0;
    NEED(a[10].size == s.h * s.w, "as many codes as errors");
    for (int64_t t = 0; t < s.w + 2 * (s.h - 1); t++)
        for (int64_t y = t < s.w ? 0 : (t - s.w + 2) / 2; y < s.h && 2 * y <= t; y++) {
            const int64_t x = t - 2 * y, at = (y + ABOVE) * (s.w + FRAME) + x + LEFT;
            Expectation e;
            expect(&s, y, x, at, &e);
            const int32_t error = s.errors[at], times = floor_divided(error + s.step / 2, s.step);
            s.sizes[at] = size_off(error, e.eighths);
            codes[j++] = (int32_t)((uint32_t)e.table * SYMBOLS) + ((times - e.steps + SYMBOLS / 2) & (SYMBOLS - 1));
        }
    return 0;
}
FUNCTION(encode_strip, "h+HihhiiBin+i")

static int64_t decode_strip(const Argument *a, const char **refusal)
{
    Strip s;
    int16_t *errors = a[0].data;
    uint32_t *states = a[10].data;
    const int64_t lanes = a[10].size, tables = a[12].size / SYMBOLS;
    const int apart = slots_apart(a[15].size, tables);
    Source from = {a[11].data, a[11].size, 0, a[12].data, a[13].data, a[15].data, apart};
    int64_t j = 0;

    open_strip(a, &s, refusal);
    if (*refusal != NULL)
        return 0;
    NEED(lanes > 0 && (lanes & (lanes - 1)) == 0, "lanes must be a power of two");
    NEED(a[12].size == a[13].size, "start and freq must be alike");
    NEED(apart >= 0, "numbers must be of slots of all tables");
    for (int64_t t = 0; t < s.w + 2 * (s.h - 1); t++)
        for (int64_t y = t < s.w ? 0 : (t - s.w + 2) / 2; y < s.h && 2 * y <= t; y++, j++) {
            const int64_t x = t - 2 * y, at = (y + ABOVE) * (s.w + FRAME) + x + LEFT;
            Expectation e;
            expect(&s, y, x, at, &e);
            NEED(e.table >= 0 && e.table < tables, "table beyond the intervals");
            const int symbol = popped(&from, &states[j & (lanes - 1)], e.table);
            if (symbol < 0)
                return -1;
            const int32_t beneath = e.beneath, least = -((beneath + s.step / 2) / s.step);
            const int32_t times = least + ((e.steps + symbol - SYMBOLS / 2 - least) & (SYMBOLS - 1));
            const int32_t sample = beneath + s.step * times;
            const int32_t error = (sample < 0 ? 0 : sample > 255 ? 255 : sample) - beneath;
            errors[at] = (int16_t)error;
            s.sizes[at] = size_off(error, e.eighths);
        }
    return from.used;
}
FUNCTION(decode_strip, "+h+HihhiiBin+IHIIIB")

/* -- the module --------------------------------------------------------------------------------------------------- */

#define METHOD(name) {#name, (PyCFunction)(void (*)(void))py_##name, METH_FASTCALL, NULL}

static PyMethodDef METHODS[] = {
    METHOD(push_symbols), METHOD(pop_symbols),
    METHOD(split_values), METHOD(push_passes), METHOD(read_values),
    METHOD(quantise_values), METHOD(find_residuals), METHOD(find_values), METHOD(scale_values),
    METHOD(find_indexes), METHOD(see_values),
    METHOD(correct_indexes), METHOD(choose_corrections),
    METHOD(split_level), METHOD(join_level),
    METHOD(split_colours), METHOD(join_colours), METHOD(sum_chroma), METHOD(pack_rounded),
    METHOD(join_packed),
    METHOD(find_masking), METHOD(find_gains),
    METHOD(find_slopes), METHOD(add_guesses),
    METHOD(known_energy), METHOD(encode_strip), METHOD(decode_strip),
    {NULL, NULL, 0, NULL},
};

static int made(PyObject *module)
{
    fill_digits();
#ifdef SOURCE_CRC32
    return PyModule_AddObject(module, "SOURCE_CRC32", PyLong_FromUnsignedLong(SOURCE_CRC32));
#else
    return PyModule_AddIntConstant(module, "SOURCE_CRC32", 0);
#endif
}

static PyModuleDef_Slot SLOTS_OF_MODULE[] = {
    {Py_mod_exec, (void *)made},
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "_native", "Array functions in the place of their numpy twins.", 0, METHODS, SLOTS_OF_MODULE,
    NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&MODULE);
}
