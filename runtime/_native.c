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
#include <stdint.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#error "words are little-endian: the numpy twins serve this machine"
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

enum { MOST_ARGUMENTS = 12, MOST_DIMENSIONS = 4 };

typedef struct {
    void *data;
    int64_t size;                   /* items of an array */
    int64_t shape[MOST_DIMENSIONS]; /* 1 beyond its dimensions */
    int64_t number;                 /* in the place of an array */
} Argument;

typedef int64_t Kernel(const Argument *arguments, const char **refusal);

/* Return whether a buffer's format is that of a kind of item: its letter may differ from system to system. */
static int suits(const char *format, Py_ssize_t size, char kind)
{
    static const struct { char kind; const char *letters; Py_ssize_t size; } KINDS[] = {
        {'B', "B?", 1}, {'H', "H", 2}, {'I', "IL", 4}, {'h', "h", 2}, {'i', "il", 4},
        {'q', "qln", 8}, {'p', "ilqn", sizeof(Py_ssize_t)}, {'f', "f", 4}, {'d', "d", 8},
    };
    if (format == NULL)
        format = "B";
    if (strchr("@=<", *format) != NULL)
        format++;
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (KINDS[i].kind == kind)
            return *format != '\0' && format[1] == '\0' && size == KINDS[i].size &&
                   strchr(KINDS[i].letters, *format) != NULL;
    return 0;
}

/* Call a kernel with Python's arguments: `kinds` has a letter for each, 'n' for a whole number, and a letter of KINDS for
 * an array, behind '+' where it is written to. */
static PyObject *call(const char *name, const char *kinds, Kernel *kernel, PyObject *const *given, Py_ssize_t count)
{
    Py_buffer views[MOST_ARGUMENTS];
    Argument arguments[MOST_ARGUMENTS];
    int opened[MOST_ARGUMENTS] = {0};
    const char *refusal = NULL;
    int64_t result = 0;
    Py_ssize_t at = 0;

    for (const char *kind = kinds; *kind != '\0'; kind++, at++) {
        int written = *kind == '+';
        kind += written;
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
        Py_buffer *view = &views[at];
        if (PyObject_GetBuffer(given[at], view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (written ? PyBUF_WRITABLE : 0))) {
            PyErr_Clear();
            PyErr_Format(PyExc_ValueError, "%s: argument %zd must be a%s contiguous array", name, at,
                         written ? " writable" : "");
            goto done;
        }
        opened[at] = 1;
        if (!suits(view->format, view->itemsize, *kind) || view->ndim > MOST_DIMENSIONS) {
            PyErr_Format(PyExc_ValueError, "%s: argument %zd must have items of kind %c, and 4 dimensions at most", name,
                         at, *kind);
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

enum { PRECISION_BITS = 14, WORD_BITS = 16, SLOTS = 1 << PRECISION_BITS, LOWEST_STATE = 1 << WORD_BITS };

static int64_t push_symbols(const Argument *a, const char **refusal)
{
    uint32_t *states = a[0].data;
    const uint32_t *start = a[1].data, *freq = a[2].data;
    uint16_t *words = a[3].data;
    const int64_t n = a[2].size, lanes = a[0].size;
    int64_t at = n;

    NEED(lanes > 0 && (lanes & (lanes - 1)) == 0, "lanes must be a power of two");
    NEED(a[1].size == n && a[3].size == n, "start, freq and words must be alike");
    for (int64_t j = n - 1; j >= 0; j--) {
        const uint32_t f = freq[j];
        uint32_t x = states[j & (lanes - 1)];
        NEED(f - 1 < SLOTS, "freq must be 1 to 2**14");
        const int full = x > (f << (2 * WORD_BITS - PRECISION_BITS)) - 1; /* 2**14 wraps to the largest: never */
        words[at - 1] = (uint16_t)x;                                      /* at > j: one word a symbol at most */
        at -= full;
        x = full ? x >> WORD_BITS : x;
        states[j & (lanes - 1)] = x + x / f * (SLOTS - f) + start[j];
    }
    return at;
}
FUNCTION(push_symbols, "+III+H")

static int64_t pop_symbols(const Argument *a, const char **refusal)
{
    uint32_t *states = a[0].data;
    const char *words = a[1].data; /* at any address */
    const uint32_t *base = a[2].data, *entries = a[3].data;
    Py_ssize_t *places = a[4].data;
    const int64_t n = a[2].size, lanes = a[0].size, available = a[1].size, slots = a[3].size;
    int64_t used = 0;

    NEED(lanes > 0 && (lanes & (lanes - 1)) == 0, "lanes must be a power of two");
    NEED(a[4].size == n, "base and places must be alike");
    for (int64_t j = 0; j < n; j++) {
        uint32_t x = states[j & (lanes - 1)];
        const int64_t place = (int64_t)base[j] + (x & (SLOTS - 1));
        NEED(place < slots, "base must be within the entries");
        const uint32_t entry = entries[place];
        x = (entry >> 16) * (x >> PRECISION_BITS) + (entry & 0xFFFF);
        const int low = x < LOWEST_STATE;
        if (used < available) {
            uint16_t word;
            memcpy(&word, words + 2 * used, sizeof word);
            x = low ? x << WORD_BITS | word : x;
            used += low;
        } else if (low) {
            return -1;
        }
        states[j & (lanes - 1)] = x;
        places[j] = (Py_ssize_t)place;
    }
    return used;
}
FUNCTION(pop_symbols, "+IHII+p")

/* -- runtime/entropy/residuals.py --------------------------------------------------------------------------------- */

enum { INDEXES = 256, GROUPINGS = 5, MOST_DIGITS = 8, SYMBOLS = 256, ESCAPE_BITS = 16, LARGEST_ESCAPE = 0xFFFF };

static const struct { int values, base, symbols; } GROUPING[GROUPINGS] = {
    {8, 2, 256}, {5, 3, 243}, {4, 4, 256}, {3, 6, 216}, {2, 16, 256},
};
static uint8_t DIGITS[GROUPINGS][SYMBOLS][MOST_DIGITS]; /* of each symbol, filled once when the module is made */

static void fill_digits(void)
{
    for (int g = 0; g < GROUPINGS; g++)
        for (int symbol = 0; symbol < GROUPING[g].symbols; symbol++)
            for (int place = GROUPING[g].values - 1, rest = symbol; place >= 0; place--, rest /= GROUPING[g].base)
                DIGITS[g][symbol][place] = (uint8_t)(rest % GROUPING[g].base);
}

static int64_t count_indexes(const Argument *a, const char **refusal)
{
    const uint8_t *index = a[0].data;
    int64_t *counts = a[1].data;
    uint32_t found[4][INDEXES] = {{0}}; /* four, since neighbours are often equal */
    const int64_t n = a[0].size;
    int64_t i = 0;

    NEED(n < INT64_C(1) << 32, "too many indexes");
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++)
            found[k][index[i + k]]++;
    for (; i < n; i++)
        found[0][index[i]]++;
    for (int k = 0; k < INDEXES; k++) {
        const int64_t total = (int64_t)found[0][k] + found[1][k] + found[2][k] + found[3][k];
        NEED(total == 0 || k < a[1].size, "index beyond the counts");
        if (k < a[1].size)
            counts[k] = total;
    }
    return 0;
}
FUNCTION(count_indexes, "B+q")

static int64_t sort_places(const Argument *a, const char **refusal)
{
    const uint8_t *index = a[0].data, *rank = a[1].data;
    const int64_t *start = a[2].data, n = a[0].size, m = a[3].size, indexes = a[1].size;
    Py_ssize_t *places = a[3].data;
    int64_t next[INDEXES];

    NEED(indexes <= INDEXES && a[2].size == indexes, "rank and starts must be alike");
    for (int64_t k = 0; k < indexes; k++) {
        NEED(rank[k] < indexes, "rank beyond the indexes");
        next[k] = start[rank[k]];
    }
    for (int64_t i = 0; i < n; i++) {
        const int k = index[i];
        if (k == 0)
            continue;
        NEED(k < indexes && next[k] >= 0 && next[k] < m, "more indexes than places");
        places[next[k]++] = (Py_ssize_t)i;
    }
    return 0;
}
FUNCTION(sort_places, "BBq+p")

static int64_t split_values(const Argument *a, const char **refusal)
{
    const int32_t *values = a[0].data, *top_digit = a[4].data, *escape = a[5].data;
    const uint8_t *table = a[1].data;
    const int64_t *bounds = a[2].data, *shifted = a[3].data, runs = a[3].size / 3;
    Py_ssize_t *groups = a[6].data, *excesses = a[7].data;
    int64_t *fields = a[8].data, *widths = a[9].data, *counts = a[11].data;
    uint8_t *signs = a[10].data;
    const int64_t m = a[0].size, tables = a[4].size;
    int64_t s = 0, e = 0, f = 0, z = 0, run = 0;

    NEED(a[1].size == m && a[2].size == GROUPINGS + 1 && a[5].size == tables, "wrong sizes");
    NEED(a[7].size >= m && a[8].size >= m && a[9].size >= m && a[10].size >= m && a[11].size == 3, "too little room");
    NEED(bounds[0] == 0 && bounds[GROUPINGS] == m, "groupings must cover the values");
    for (int g = 0; g < GROUPINGS; g++) {
        const int size = GROUPING[g].values, base = GROUPING[g].base;
        NEED(bounds[g] <= bounds[g + 1] && bounds[g + 1] <= m, "groupings must not fall");
        for (int64_t i = bounds[g]; i < bounds[g + 1]; i += size) {
            int number = 0;
            NEED(s < a[6].size, "too little room for groups");
            for (int k = 0; k < size; k++) {
                const int64_t j = i + k;
                number *= base;
                if (j >= bounds[g + 1])
                    continue;
                const int32_t value = values[j];
                if (value == 0)
                    continue;
                const uint32_t magnitude = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
                while (run < runs && shifted[3 * run + 1] <= j)
                    run++;
                const int64_t shift = run < runs && shifted[3 * run] <= j ? shifted[3 * run + 2] : 0;
                NEED(shift >= 0 && shift < 16 && table[j] < tables, "wrong shift or table");
                const uint32_t q = magnitude >> shift;
                if (q > LARGEST_ESCAPE)
                    return -1;
                signs[z++] = value < 0;
                number += q < (uint32_t)base - 1 ? (int)q : base - 1;
            }
            groups[s++] = (Py_ssize_t)table[i] * SYMBOLS + number;
        }
    }
    NEED(s == a[6].size, "too much room for groups");
    run = 0;
    for (int g = 0; g < GROUPINGS; g++) {
        const uint32_t largest = (uint32_t)GROUPING[g].base - 1;
        for (int64_t j = bounds[g]; j < bounds[g + 1]; j++) {
            const uint32_t magnitude = values[j] < 0 ? 0u - (uint32_t)values[j] : (uint32_t)values[j];
            if (runs == 0 && magnitude < largest)
                continue;
            while (run < runs && shifted[3 * run + 1] <= j)
                run++;
            int64_t width = run < runs && shifted[3 * run] <= j ? shifted[3 * run + 2] : 0;
            NEED(width >= 0 && width < 16 && table[j] < tables, "wrong shift or table");
            const uint32_t q = magnitude >> width;
            if (q >= largest) {
                const int t = table[j];
                const int64_t beyond = (int64_t)q - top_digit[t], most = escape[t];
                excesses[e++] = (Py_ssize_t)((tables + t) * SYMBOLS + (beyond < most ? beyond : most));
                width += beyond >= most ? ESCAPE_BITS : 0;
            }
            if (width) {
                fields[f] = magnitude & ((UINT32_C(1) << width) - 1);
                widths[f++] = width;
            }
        }
    }
    counts[0] = e, counts[1] = f, counts[2] = z;
    return 0;
}
FUNCTION(split_values, "iBqqii+p+p+q+q+B+q")

static int64_t join_digits(const Argument *a, const char **refusal)
{
    const uint8_t *symbols = a[0].data;
    const int64_t *bounds = a[1].data, count = a[0].size, m = a[2].size;
    int32_t *q = a[2].data;
    Py_ssize_t *tops = a[3].data;
    int64_t s = 0, e = 0;

    NEED(a[1].size == GROUPINGS + 1 && a[3].size == m, "wrong sizes");
    NEED(bounds[0] == 0 && bounds[GROUPINGS] == m, "groupings must cover the digits");
    for (int g = 0; g < GROUPINGS; g++) {
        const int size = GROUPING[g].values, largest = GROUPING[g].base - 1;
        const int64_t end = bounds[g + 1];
        int64_t i = bounds[g];
        NEED(i <= end && end <= m, "groupings must not fall");
        for (; i < end; i += size) {
            NEED(s < count && symbols[s] < GROUPING[g].symbols, "no such symbol");
            const uint8_t *digits = DIGITS[g][symbols[s++]];
            const int here = end - i < size ? (int)(end - i) : size;
            for (int k = 0; k < here; k++)
                q[i + k] = digits[k];
        }
        for (i = bounds[g]; i < end; i++) {
            tops[e] = (Py_ssize_t)i; /* e <= i */
            e += q[i] >= largest;
        }
    }
    NEED(s == count, "more symbols than groups");
    return e;
}
FUNCTION(join_digits, "Bq+i+p")

/* -- runtime/entropy/tile_stream.py ------------------------------------------------------------------------------- */

static int64_t give_signs(const Argument *a, const char **refusal)
{
    int32_t *values = a[0].data;
    const uint8_t *signs = a[1].data;
    const int64_t m = a[0].size, bits = 8 * a[1].size;
    int64_t at = 0;

    for (int64_t j = 0; j < m; j++) {
        if (values[j] == 0)
            continue;
        NEED(at < bits, "fewer signs than values");
        if (signs[at >> 3] >> (7 - (at & 7)) & 1)
            values[j] = (int32_t)(0u - (uint32_t)values[j]);
        at++;
    }
    return at;
}
FUNCTION(give_signs, "+iB")

static int64_t pack_fields(const Argument *a, const char **refusal)
{
    const int64_t *fields = a[0].data, *widths = a[1].data, count = a[0].size, room = a[2].size;
    uint8_t *data = a[2].data;
    uint64_t held = 0;
    int bits = 0;
    int64_t at = 0;

    NEED(a[1].size == count, "fields and widths must be alike");
    for (int64_t i = 0; i < count; i++) {
        NEED(widths[i] >= 0 && widths[i] <= 32, "widths must be 0 to 32");
        held = held << widths[i] | ((uint64_t)fields[i] & ((UINT64_C(1) << widths[i]) - 1));
        for (bits += (int)widths[i]; bits >= 8; bits -= 8) {
            NEED(at < room, "too little room");
            data[at++] = (uint8_t)(held >> (bits - 8));
        }
    }
    if (bits) {
        NEED(at < room, "too little room");
        data[at++] = (uint8_t)(held << (8 - bits));
    }
    NEED(at == room, "too much room");
    return 0;
}
FUNCTION(pack_fields, "qq+B")

static int64_t unpack_fields(const Argument *a, const char **refusal)
{
    const uint8_t *data = a[0].data;
    const int64_t *widths = a[1].data, count = a[1].size, size = a[0].size;
    int64_t *fields = a[2].data;
    uint64_t held = 0;
    int bits = 0;
    int64_t at = 0;

    NEED(a[2].size == count, "fields and widths must be alike");
    for (int64_t i = 0; i < count; i++) {
        NEED(widths[i] >= 0 && widths[i] <= 32, "widths must be 0 to 32");
        for (; bits < widths[i]; bits += 8) {
            NEED(at < size, "too little data");
            held = held << 8 | data[at++];
        }
        bits -= (int)widths[i];
        fields[i] = (int64_t)(held >> bits & ((UINT64_C(1) << widths[i]) - 1));
    }
    int64_t padding = (int64_t)(held & ((UINT64_C(1) << bits) - 1));
    for (; at < size; at++)
        padding |= data[at];
    return padding != 0;
}
FUNCTION(unpack_fields, "Bq+q")

/* -- the module --------------------------------------------------------------------------------------------------- */

#define METHOD(name) {#name, (PyCFunction)(void (*)(void))py_##name, METH_FASTCALL, NULL}

static PyMethodDef METHODS[] = {
    METHOD(push_symbols), METHOD(pop_symbols),
    METHOD(count_indexes), METHOD(sort_places), METHOD(split_values), METHOD(join_digits),
    METHOD(give_signs), METHOD(pack_fields), METHOD(unpack_fields),
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
