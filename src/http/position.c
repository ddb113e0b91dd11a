/* Places in Kafka; see position.h. */
#include "http/position.h"

#include "base/err.h"

static const char letters[RECORD_KINDS] = {
    [RECORD_USER] = 'u', [RECORD_EVENT] = 'e', [RECORD_COUPON] = 'c'};

static struct position_place *find(struct position *position, enum record_kind kind,
                                   int32_t partition)
{
    for (int i = 0; i < position->count && i < POSITION_PLACES_MAX; i++) {
        struct position_place *place = &position->places[i];
        if (place->kind == kind && place->partition == partition)
            return place;
    }
    return NULL;
}

void position_add(struct position *position, enum record_kind kind, int32_t partition,
                  int64_t offset)
{
    struct position_place *place = find(position, kind, partition);
    if (place != NULL) {
        if (offset > place->offset)
            place->offset = offset;
    } else if (position->count <= POSITION_PLACES_MAX) {
        if (position->count < POSITION_PLACES_MAX)
            position->places[position->count] = (struct position_place){kind, partition, offset};
        position->count++;
    }
}

/* The places of one topic, after `before`; nothing when there are none. */
static void add_topic(const struct position *position, enum record_kind kind, const char *before,
                      struct buf *out)
{
    bool first = true;
    for (int i = 0; i < position->count; i++) {
        const struct position_place *place = &position->places[i];
        if (place->kind != kind)
            continue;
        if (first) {
            buf_add_text(out, before);
            buf_add_char(out, letters[kind]);
        }
        buf_add_char(out, first ? ':' : ',');
        buf_add_int(out, place->partition);
        buf_add_char(out, '.');
        buf_add_int(out, place->offset);
        first = false;
    }
}

bool position_write(const struct position *position, struct buf *out)
{
    size_t start = out->len;
    if (position->count > POSITION_PLACES_MAX)
        return false;
    for (int kind = 0; kind < RECORD_KINDS; kind++)
        add_topic(position, (enum record_kind)kind, out->len > start ? ";" : "", out);
    return true;
}

/* Digits, as they are written: at least one, no needless zero, below `end`. */
static bool take_number(struct str *text, int64_t end, int64_t *ret_number)
{
    size_t i = 0;
    int64_t number = 0;
    for (; i < text->len && text->data[i] >= '0' && text->data[i] <= '9'; i++)
        if ((i > 0 && number == 0) || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, text->data[i] - '0', &number))
            return false;
    *text = str_from(text->data + i, text->len - i);
    *ret_number = number;
    return i > 0 && number < end;
}

static bool take_char(struct str *text, char c)
{
    if (text->len == 0 || text->data[0] != c)
        return false;
    *text = str_from(text->data + 1, text->len - 1);
    return true;
}

/* "c:3.90,4.2" */
static bool take_topic(struct str *text, int64_t partitions, struct position *position)
{
    int kind = 0;
    while (kind < RECORD_KINDS && !take_char(text, letters[kind]))
        kind++;
    if (kind == RECORD_KINDS || !take_char(text, ':'))
        return false;
    do {
        int64_t partition, offset;
        if (!take_number(text, partitions, &partition) || !take_char(text, '.') ||
            !take_number(text, INT64_MAX, &offset) ||
            find(position, (enum record_kind)kind, (int32_t)partition) != NULL)
            return false;
        position_add(position, (enum record_kind)kind, (int32_t)partition, offset);
    } while (take_char(text, ','));
    return true;
}

int position_read(struct str text, int64_t partitions, struct position *ret_position)
{
    struct position position = {0};
    if (text.len > POSITION_BYTES_MAX)
        return TIP_EINVAL;
    do {
        if (!take_topic(&text, partitions, &position))
            return TIP_EINVAL;
    } while (take_char(&text, ';'));
    if (text.len > 0 || position.count > POSITION_PLACES_MAX)
        return TIP_EINVAL;
    *ret_position = position;
    return 0;
}
