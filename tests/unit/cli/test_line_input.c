/* Lines of files; see cli/line_input.h. */
#include "unit.h"

#include "base/err.h"
#include "base/mem.h"
#include "cli/line_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/tipster-lines-XXXXXX";

static struct line_input open_with(const void *data, size_t len)
{
    struct line_input input;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    fclose(file);
    assert_int_equal(line_input_open(path, &input), 0);
    return input;
}

static void assert_line(struct line_input *input, int64_t number, const char *text)
{
    struct str line;
    assert_int_equal(line_input_next(input, &line), 0);
    assert_true(str_equal(line, str_of(text)));
    assert_int_equal(input->line, number);
}

static void test_lines(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbfone\r\n\n three\n\rlast";
    struct line_input input = open_with(text, sizeof(text) - 1);
    struct str line;
    assert_int_equal(line_input_peek(&input), 'o');
    assert_line(&input, 1, "one");
    assert_line(&input, 2, "");
    assert_int_equal(line_input_peek(&input), 't');
    assert_line(&input, 3, " three");
    assert_line(&input, 4, "\rlast");
    assert_int_equal(line_input_next(&input, &line), 1);
    line_input_close(&input);
    assert_int_equal(line_count(path), 4);
}

/* A line of one byte too many is passed over, with and without its newline in the buffer. */
static void test_long_lines(void **state)
{
    (void)state;
    static const size_t lengths[] = {LINE_MAX_BYTES + 1, LINE_MAX_BYTES + 2, LINE_MAX_BYTES + 3,
                                     3 * LINE_MAX_BYTES};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct str line;
        AUTO_FREE char *text = xmalloc(lengths[i] + 5);
        memset(text, 'x', lengths[i] + 5);
        memcpy(text, "a\n", 2);
        memcpy(text + 2 + lengths[i], "\nb\n", 3);
        struct line_input input = open_with(text, lengths[i] + 5);
        assert_line(&input, 1, "a");
        assert_int_equal(line_input_next(&input, &line), TIP_EFULL);
        assert_line(&input, 3, "b");
        assert_int_equal(line_input_next(&input, &line), 1);
        line_input_close(&input);
    }
}

static void test_longest_line(void **state)
{
    (void)state;
    struct str line;
    AUTO_FREE char *text = xmalloc(LINE_MAX_BYTES);
    memset(text, 'x', LINE_MAX_BYTES);
    struct line_input input = open_with(text, LINE_MAX_BYTES);
    assert_int_equal(line_input_next(&input, &line), 0);
    assert_int_equal(line.len, LINE_MAX_BYTES);
    assert_int_equal(line_input_next(&input, &line), 1);
    line_input_close(&input);
}

static void test_empty_and_absent(void **state)
{
    (void)state;
    struct str line;
    struct line_input input = open_with("", 0);
    assert_int_equal(line_input_peek(&input), 0);
    assert_int_equal(line_input_next(&input, &line), 1);
    line_input_close(&input);
    assert_int_equal(line_input_open("/nowhere/at/all", &input), TIP_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_longest_line),
        cmocka_unit_test(test_empty_and_absent),
    };
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    int failed = RUN_TESTS(tests);
    unlink(path);
    return failed;
}
