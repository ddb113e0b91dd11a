/* Messages of the client library as the rest of the program sees them; see message.h. */
#include "stream/message.h"

#include "stream/kafka.h"

static void read_headers(const rd_kafka_message_t *message, struct change_source *source)
{
    const struct {
        const char *name;
        struct str *slot;
    } wanted[] = {{"company", &source->company},
                  {"kind", &source->kind},
                  {"schema", &source->schema},
                  {"request_id", &source->request_id}};
    rd_kafka_headers_t *headers = NULL;
    if (rd_kafka_message_headers(message, &headers) != 0)
        return;
    const char *name;
    const void *value;
    size_t size;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0; i++)
        for (size_t w = 0; w < sizeof(wanted) / sizeof(wanted[0]); w++)
            if (value != NULL && strcmp(name, wanted[w].name) == 0)
                *wanted[w].slot = str_from(value, size);
}

void message_take(rd_kafka_message_t *message, enum record_kind kind,
                  struct consumer_message *ret_message)
{
    rd_kafka_timestamp_type_t type;
    *ret_message = (struct consumer_message){
        .kind = kind,
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = rd_kafka_message_timestamp(message, &type),
        .source.key = str_from(message->key, message->key_len),
        .source.value = str_from(message->payload, message->len),
        .handle = message,
    };
    read_headers(message, &ret_message->source);
}

void consumer_message_release(struct consumer_message *message)
{
    if (message->handle != NULL)
        rd_kafka_message_destroy(message->handle);
    message->handle = NULL;
}
