/*
 * The decoder of Kafka messages, whatever stands in the topic. An input is seven lines, the last of
 * any length: the topic's letter (u, e, c); key, company, kind, schema, request_id, each "-" for
 * none or "=" and the bytes; then the value. A key "*" stands for the right one: the company, NUL
 * and the id in the value, so that mutations of the value get past the comparison of keys.
 */
#include "domain/change.h"
#include "fuzz.h"

/* A line of the input as a header; data NULL for none. */
static struct str next_part(struct str *rest)
{
    const char *newline = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
    size_t len = newline != NULL ? (size_t)(newline - rest->data) : rest->len;
    struct str line = str_from(rest->data, len);
    size_t used = newline != NULL ? len + 1 : len;
    *rest = str_from(rest->data + used, rest->len - used);
    if (line.len == 0 || line.data[0] == '-')
        return (struct str){0};
    return line.data[0] == '=' ? str_from(line.data + 1, line.len - 1) : line;
}

/* The key that the value asks for; false when the value has no id. */
static bool right_key(enum record_kind kind, const struct change_source *source, struct buf *out)
{
    static struct violations violations;
    AUTO_RECORD record = {0};
    violations_clear(&violations);
    if (record_parse(kind, GENERATION_CANONICAL, source->value, 0, &record, &violations) == 0) {
        change_key(source->company, record_key_id(&record), out);
        return true;
    }
    /* A withdrawal or an erasure, whose value begins with its id. */
    static const char event_label[] = "{\"event_id\":\"", user_label[] = "{\"user_id\":\"";
    const char *label = kind == RECORD_EVENT ? event_label : user_label;
    struct str value = source->value;
    if (value.len <= strlen(label) || memcmp(value.data, label, strlen(label)) != 0)
        return false;
    const char *id = value.data + strlen(label);
    const char *end = memchr(id, '"', (size_t)(value.data + value.len - id));
    if (end != NULL)
        change_key(source->company, str_from(id, (size_t)(end - id)), out);
    return end != NULL;
}

/* The value that a change is sent with. */
static void add_value(const struct change *change, struct buf *out)
{
    const struct record *record = &change->record;
    if (change->kind == CHANGE_PUT)
        record_canonical(record, out);
    else if (change->kind == CHANGE_DELETE)
        change_delete_value(record->event.event_id, record->event.version, out);
    else
        change_erase_value(record_key_id(record), out);
}

/* What was decoded, encoded again, decodes to the same. */
static void check_decoded(enum record_kind kind, const struct change_source *source,
                          const struct change *change)
{
    AUTO_BUF value = {0}, key = {0}, again_value = {0};
    char detail[160];
    struct change again;
    FUZZ_REQUIRE(id_is_valid(record_key_id(&change->record)), "the id can be stored");
    FUZZ_REQUIRE(
        change->kind != CHANGE_DELETE || change->record.event.version == VERSION_NONE ||
            (change->record.event.version >= 0 && change->record.event.version <= VERSION_MAX),
        "a version is one or none");
    change_key(change->company, record_key_id(&change->record), &key);
    FUZZ_REQUIRE(str_equal(buf_str(&key), source->key), "the key is the record's");
    add_value(change, &value);
    struct change_source source_again = *source;
    source_again.value = buf_str(&value);
    FUZZ_REQUIRE(change_decode(kind, &source_again, &again, detail, sizeof(detail)) == 0,
                 "what is encoded can be decoded");
    add_value(&again, &again_value);
    FUZZ_REQUIRE(again.kind == change->kind && str_equal(buf_str(&value), buf_str(&again_value)),
                 "and is the same");
    FUZZ_REQUIRE(change->kind != CHANGE_PUT || kind != RECORD_COUPON ||
                     memcmp(change->content_hash, again.content_hash, 32) == 0,
                 "with the same hash");
    change_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = fuzz_input(data, size);
    struct str topic = next_part(&rest);
    enum record_kind kind = RECORD_COUPON;
    if (topic.len > 0 && topic.data[0] != 'c')
        kind = topic.data[0] == 'u' ? RECORD_USER : RECORD_EVENT;
    struct change_source source = {.key = next_part(&rest),
                                   .company = next_part(&rest),
                                   .kind = next_part(&rest),
                                   .schema = next_part(&rest),
                                   .request_id = next_part(&rest)};
    source.value = rest.len > 0 ? rest : (struct str){0};
    AUTO_BUF key = {0};
    if (str_equal(source.key, str_of("*")) && right_key(kind, &source, &key))
        source.key = buf_str(&key);

    struct change change = {0};
    char detail[160] = "";
    if (change_decode(kind, &source, &change, detail, sizeof(detail)) != 0) {
        FUZZ_REQUIRE(detail[0] != '\0' && memchr(detail, '\0', sizeof(detail)) != NULL,
                     "a poison record says why");
        return 0;
    }
    check_decoded(kind, &source, &change);
    change_release(&change);
    return 0;
}
