/*
 * Query strings and the parameters of the read routes. What was decoded, encoded again, decodes to
 * the same parameters; what the table of parameters lets through is within its bounds.
 */
#include "base/err.h"
#include "base/timefmt.h"
#include "fuzz.h"
#include "http/read_params.h"

static void add_escaped(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++)
        buf_addf(out, "%%%02X", (unsigned char)text.data[i]);
}

static void check_round_trip(const struct query *query)
{
    AUTO_BUF text = {0};
    struct query again = {0};
    for (size_t i = 0; i < query->count; i++) {
        buf_add_text(&text, i > 0 ? "&" : "");
        add_escaped(query->params[i].name, &text);
        buf_add_char(&text, '=');
        add_escaped(query->params[i].value, &text);
    }
    FUZZ_REQUIRE(query_parse(buf_str(&text), &again) == 0, "what is encoded can be decoded");
    FUZZ_REQUIRE(again.count == query->count, "as many parameters");
    for (size_t i = 0; i < query->count; i++) {
        FUZZ_REQUIRE(str_equal(again.params[i].name, query->params[i].name) &&
                         str_equal(again.params[i].value, query->params[i].value),
                     "the same parameters");
        FUZZ_REQUIRE(memchr(query->params[i].value.data, '\0', query->params[i].value.len) == NULL,
                     "no NUL");
    }
    query_release(&again);
}

static bool is_absent_or(int64_t value, int64_t min, int64_t max)
{
    return value == PARAM_ABSENT || (value >= min && value <= max);
}

static void check_params(const struct query *query, unsigned allowed, enum generation generation)
{
    static struct violations violations;
    struct arena arena = {0};
    struct read_params params;
    violations_clear(&violations);
    int err = read_params_parse(query, allowed, generation, &arena, &params, &violations);
    if (err != 0) {
        FUZZ_REQUIRE(err == TIP_EINVAL, "a wrong parameter is one");
        fuzz_require_violations(&violations);
    } else {
        FUZZ_REQUIRE(is_absent_or(params.n, -1, INT64_MAX), "n");
        FUZZ_REQUIRE((allowed & PARAM_N_OLDER) || is_absent_or(params.n, 1, 100), "n of /v1");
        FUZZ_REQUIRE(is_absent_or(params.limit, 1, 1000), "limit");
        FUZZ_REQUIRE(is_absent_or(params.explain, 0, 1), "explain");
        FUZZ_REQUIRE(is_absent_or(params.include_started, 0, 1), "include_started");
        FUZZ_REQUIRE(is_absent_or(params.from_ms, TIME_MIN_MS, TIME_MAX_MS), "from");
        FUZZ_REQUIRE(is_absent_or(params.as_of_ms, TIME_MIN_MS, TIME_MAX_MS), "as_of");
        FUZZ_REQUIRE(params.excludes.count <= EXCLUDES_MAX, "exclude");
        FUZZ_REQUIRE(!params.has_cursor || cursor_id(&params.cursor).len > 0, "cursor");
    }
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = fuzz_input(data, size);
    struct query query = {0};
    int err = query_parse(text, &query);
    FUZZ_REQUIRE(err == 0 || err == TIP_ESYNTAX, "a query is well-formed or not");
    if (err != 0)
        return 0;
    check_round_trip(&query);
    check_params(&query, ~(unsigned)PARAM_N_OLDER, GENERATION_V1);
    check_params(&query, ~(unsigned)PARAM_N, GENERATION_OLDER);
    query_release(&query);
    return 0;
}
