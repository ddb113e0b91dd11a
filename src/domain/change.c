/* Kafka records to changes and back; see change.h. */
#include "domain/change.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/sha256.h"
#include "base/thread_end.h"
#include "domain/json_input.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const kind_names[CHANGE_KINDS] = {"put", "delete", "erase"};

const char *change_kind_name(enum change_kind kind)
{
    return kind_names[kind];
}

void change_key(struct str company, struct str id, struct buf *out)
{
    buf_add_str(out, company);
    buf_add_char(out, '\0');
    buf_add_str(out, id);
}

void change_delete_value(struct str event_id, int64_t version, struct buf *out)
{
    buf_add_text(out, "{\"event_id\":");
    buf_add_json(out, event_id);
    if (version != VERSION_NONE) {
        buf_add_text(out, ",\"version\":");
        buf_add_int(out, version);
    }
    buf_add_char(out, '}');
}

void change_erase_value(struct str user_id, struct buf *out)
{
    buf_add_text(out, "{\"user_id\":");
    buf_add_json(out, user_id);
    buf_add_char(out, '}');
}

static int poison(char *ret_detail, size_t detail_size, const char *problem)
{
    snprintf(ret_detail, detail_size, "%s", problem);
    return TIP_EINVAL;
}

static int decode_headers(const struct change_source *source, struct change *change,
                          char *ret_detail, size_t detail_size)
{
    if (source->company.data == NULL || source->company.len < 1 ||
        source->company.len > COMPANY_MAX_BYTES)
        return poison(ret_detail, detail_size, "no company header");
    if (source->schema.data == NULL || !str_equal(source->schema, str_of("1")))
        return poison(ret_detail, detail_size, "schema is not 1");
    change->company = source->company;
    change->request_id = source->request_id;
    if (change->request_id.len > REQUEST_ID_MAX_BYTES)
        change->request_id.len = REQUEST_ID_MAX_BYTES;
    for (int i = 0; i < CHANGE_KINDS; i++) {
        if (source->kind.data != NULL && str_equal(source->kind, str_of(kind_names[i]))) {
            change->kind = (enum change_kind)i;
            return 0;
        }
    }
    return poison(ret_detail, detail_size, "kind is neither put, delete nor erase");
}

static void release_buf(void *buf)
{
    buf_release(buf);
}

/* Empty; the thread's own. */
static struct buf *scratch(void)
{
    static _Thread_local struct buf buf;
    static _Thread_local bool known;
    if (!known)
        thread_end_call(release_buf, &buf);
    known = true;
    buf_clear(&buf);
    return &buf;
}

static int decode_put(enum record_kind kind, struct str value, struct change *change,
                      char *ret_detail, size_t detail_size)
{
    static _Thread_local struct violations violations;
    violations_clear(&violations);
    int err = record_parse(kind, GENERATION_CANONICAL, value, 0, &change->record, &violations);
    if (err != 0) {
        const struct violation *first = &violations.items[0];
        snprintf(ret_detail, detail_size, "%s %s", first->pointer, first->detail);
        return TIP_EINVAL;
    }
    if (kind == RECORD_COUPON) {
        struct buf *canonical = scratch();
        record_canonical(&change->record, canonical);
        sha256_of(buf_str(canonical), change->content_hash);
    }
    return 0;
}

/* A value that is no whole record; the caller releases ret_document. */
static int parse_value(struct str value, struct json_document *ret_document)
{
    static _Thread_local struct violations violations;
    violations_clear(&violations);
    return json_document_parse(value, ret_document, &violations);
}

/* The member of that name when it is a valid id, or an empty one. */
static struct str id_member(const struct json_node *object, const char *name)
{
    const struct json_node *id = json_member(object, str_of(name));
    bool good = id != NULL && id->type == NODE_STRING && id_is_valid(id->text);
    return good ? id->text : (struct str){0};
}

static int decode_delete(enum record_kind kind, struct str value, struct change *change,
                         char *ret_detail, size_t detail_size)
{
    struct json_document document;
    if (kind != RECORD_EVENT)
        return poison(ret_detail, detail_size, "only events can be withdrawn");
    if (parse_value(value, &document) != 0)
        return poison(ret_detail, detail_size, "the withdrawal is not JSON");
    struct str event_id = id_member(document.nodes, "event_id");
    const struct json_node *version = json_member(document.nodes, str_of("version"));
    bool version_fits =
        version == NULL ||
        (version->type == NODE_INTEGER && version->integer >= 0 && version->integer <= VERSION_MAX);
    bool good = event_id.len > 0 && version_fits;
    if (good) {
        change->record = (struct record){.kind = RECORD_EVENT};
        change->record.event.event_id = event_id;
        change->record.event.version = version != NULL ? version->integer : VERSION_NONE;
        change->record.json = json_document_take(&document);
    }
    json_document_release(&document);
    return good
               ? 0
               : poison(ret_detail, detail_size, "the withdrawal has no valid event_id or version");
}

static int decode_erase(enum record_kind kind, struct str value, struct change *change,
                        char *ret_detail, size_t detail_size)
{
    struct json_document document;
    if (kind == RECORD_EVENT)
        return poison(ret_detail, detail_size, "only users and their coupons can be erased");
    if (parse_value(value, &document) != 0)
        return poison(ret_detail, detail_size, "the erasure is not JSON");
    struct str user_id = id_member(document.nodes, "user_id");
    if (user_id.len > 0) {
        change->record = (struct record){.kind = kind};
        if (kind == RECORD_USER)
            change->record.user = (struct user){.user_id = user_id, .version = VERSION_NONE};
        else
            change->record.coupon.user_id = user_id;
        change->record.json = json_document_take(&document);
    }
    json_document_release(&document);
    return user_id.len > 0 ? 0
                           : poison(ret_detail, detail_size, "the erasure has no valid user_id");
}

int change_decode(enum record_kind kind, const struct change_source *source,
                  struct change *ret_change, char *ret_detail, size_t detail_size)
{
    int err = decode_headers(source, ret_change, ret_detail, detail_size);
    if (err != 0)
        return err;
    if (source->value.data == NULL)
        return poison(ret_detail, detail_size, "no value");
    if (ret_change->kind == CHANGE_PUT)
        err = decode_put(kind, source->value, ret_change, ret_detail, detail_size);
    else if (ret_change->kind == CHANGE_DELETE)
        err = decode_delete(kind, source->value, ret_change, ret_detail, detail_size);
    else
        err = decode_erase(kind, source->value, ret_change, ret_detail, detail_size);
    if (err != 0)
        return err;
    AUTO_BUF key = {0};
    change_key(ret_change->company, record_key_id(&ret_change->record), &key);
    if (source->key.data != NULL && str_equal(source->key, buf_str(&key)))
        return 0;
    change_release(ret_change);
    return poison(ret_detail, detail_size, "the key is not company NUL id of this record");
}

void change_release(struct change *change)
{
    record_release(&change->record);
}

struct candidate {
    uint64_t weight;
    int32_t partition;
};

static int heavier_first(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return x->partition < y->partition ? -1 : x->partition > y->partition;
}

void partition_set_choose(struct str company, int32_t partitions, int32_t count,
                          struct partition_set *ret_set)
{
    struct candidate candidates[PARTITIONS_MAX];
    uint64_t seed = hash_bytes(company);
    for (int32_t i = 0; i < partitions; i++)
        candidates[i] = (struct candidate){hash_mix(seed ^ hash_mix((uint64_t)i + 1)), i};
    qsort(candidates, (size_t)partitions, sizeof(candidates[0]), heavier_first);
    ret_set->count = count < partitions ? count : partitions;
    for (int32_t i = 0; i < ret_set->count; i++)
        ret_set->members[i] = candidates[i].partition;
}

int32_t partition_of(const struct partition_set *set, struct str key_id)
{
    return set->members[hash_bytes(key_id) % (uint64_t)set->count];
}
