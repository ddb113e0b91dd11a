/*
 * Reading JSON that strangers send: size is bounded by the caller, depth and form here. Inside
 * domain/ only; the rest of the program sees records.
 *
 * A document is a list of nodes in the order of the text, a container before what it holds, the
 * name of an object's member (a string) before the member's value. The text is copied once, and
 * strings are slices of that copy, unescaped in place. So a parsed document costs one allocation,
 * and what a record keeps of it is that copy alone (json_document_take).
 */
#ifndef TIPSTER_DOMAIN_JSON_INPUT_H
#define TIPSTER_DOMAIN_JSON_INPUT_H

#include "domain/violation.h"

#include <stdint.h>

enum node_type {
    NODE_NULL,
    NODE_BOOLEAN,
    NODE_INTEGER,
    NODE_REAL,
    NODE_STRING,
    NODE_ARRAY,
    NODE_OBJECT
};

struct json_node {
    enum node_type type;
    uint32_t span; /* nodes of this value: 1, or with all that the container holds */
    union {
        struct str text;
        int64_t integer;
        double real;
        size_t count; /* items, or members */
    };
};

enum { JSON_NODES_AT_HAND = 128 };

struct json_document {
    struct json_node *nodes; /* the first is the whole */
    size_t count, capacity;
    char *bytes;                                  /* what the strings are slices of */
    struct json_node at_hand[JSON_NODES_AT_HAND]; /* for small documents */
};

/*
 * Parses text: an object or array, nothing after it, no duplicate names, at most JSON_DEPTH_MAX
 * deep. TIP_ESYNTAX with one violation otherwise. The caller releases ret_document on success; it
 * must not be copied.
 */
int json_document_parse(struct str text, struct json_document *ret_document,
                        struct violations *violations);
void json_document_release(struct json_document *document);

/* Hands over the bytes of the strings, which outlive the document: json_release frees them. */
void *json_document_take(struct json_document *document);

/* The node after this one and all that it holds. */
static inline const struct json_node *json_after(const struct json_node *node)
{
    return node + node->span;
}
/* The first item of an array, the first name of an object; only when count is not 0. */
static inline const struct json_node *json_first(const struct json_node *container)
{
    return container + 1;
}

/* The value of an object's member; NULL: there is none, or it is no object. */
const struct json_node *json_member(const struct json_node *object, struct str name);

/* "null", "boolean", "integer", "number", "string", "array", "object". */
const char *json_type_text(const struct json_node *value);

#endif
