/* See metrics_text.h. */
#include "cli/metrics_text.h"

#include <stdlib.h>

/* One line; false: it is not a sample of the metric. */
static bool parse_line(struct str line, struct str name, struct str *ret_labels, double *ret_value)
{
    char number[64];
    if (line.len <= name.len || memcmp(line.data, name.data, name.len) != 0)
        return false;
    const char *at = line.data + name.len, *end = line.data + line.len;
    *ret_labels = (struct str){0};
    if (*at == '{') {
        const char *brace = memrchr(at, '}', (size_t)(end - at));
        if (brace == NULL)
            return false;
        *ret_labels = str_from(at + 1, (size_t)(brace - at - 1));
        at = brace + 1;
    }
    if (at == end || *at != ' ' || (size_t)(end - at) >= sizeof(number))
        return false;
    memcpy(number, at + 1, (size_t)(end - at - 1));
    number[end - at - 1] = '\0';
    *ret_value = strtod(number, NULL);
    return true;
}

size_t metrics_each(struct str text, const char *name, metrics_sample_fn *each, void *context)
{
    size_t found = 0;
    for (size_t at = 0, len; at < text.len; at += len + 1) {
        const char *line = text.data + at, *newline = memchr(line, '\n', text.len - at);
        len = newline != NULL ? (size_t)(newline - line) : text.len - at;
        struct str labels;
        double value;
        if (parse_line(str_from(line, len), str_of(name), &labels, &value)) {
            found++;
            if (each != NULL)
                each(context, labels, value);
        }
    }
    return found;
}

struct sum {
    struct str label;
    double value;
};

static void add(void *context, struct str labels, double value)
{
    struct sum *sum = context;
    if (sum->label.len == 0 ||
        memmem(labels.data, labels.len, sum->label.data, sum->label.len) != NULL)
        sum->value += value;
}

double metrics_sum(struct str text, const char *name, const char *label)
{
    struct sum sum = {str_of(label), 0};
    metrics_each(text, name, add, &sum);
    return sum.value;
}
