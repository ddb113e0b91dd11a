/* See csv_input.h. */
#include "cli/csv_input.h"

#include "base/err.h"

#include <csv.h>

enum field_form { FORM_TEXT, FORM_NUMBER, FORM_LIST, FORM_SELECTIONS };

struct field {
    const char *name;
    enum field_form form;
    bool optional;
};

enum { FIELDS_MAX = 9 };

static const struct field fields[RECORD_KINDS][FIELDS_MAX] = {
    [RECORD_USER] = {{"user_id", FORM_TEXT, false},
                     {"birth_year", FORM_NUMBER, false},
                     {"country", FORM_TEXT, false},
                     {"currency", FORM_TEXT, false},
                     {"gender", FORM_TEXT, false},
                     {"registration_date", FORM_TEXT, false},
                     {"version", FORM_NUMBER, true}},
    [RECORD_EVENT] = {{"event_id", FORM_TEXT, false},
                      {"sport", FORM_TEXT, false},
                      {"league", FORM_TEXT, false},
                      {"country", FORM_TEXT, false},
                      {"participants", FORM_LIST, false},
                      {"begin_timestamp", FORM_TEXT, false},
                      {"end_timestamp", FORM_TEXT, false},
                      {"version", FORM_NUMBER, true}},
    [RECORD_COUPON] = {{"coupon_id", FORM_TEXT, false},
                       {"user_id", FORM_TEXT, false},
                       {"stake", FORM_NUMBER, false},
                       {"timestamp", FORM_TEXT, false},
                       {"selections", FORM_SELECTIONS, false}},
};

/* --- rows */

struct splitting {
    struct csv_row *row;
    size_t ends[CSV_FIELDS_MAX];
    bool too_many;
};

static void on_field(void *data, size_t len, void *context)
{
    struct splitting *splitting = context;
    struct csv_row *row = splitting->row;
    if (row->count == CSV_FIELDS_MAX) {
        splitting->too_many = true;
        return;
    }
    buf_add(&row->text, data, len);
    splitting->ends[row->count++] = row->text.len;
}

static void on_row(int terminator, void *context)
{
    (void)terminator;
    (void)context;
}

int csv_row_parse(struct csv_row *row, struct str line, const char **ret_problem)
{
    struct csv_parser parser;
    struct splitting splitting = {.row = row};
    buf_clear(&row->text);
    row->count = 0;
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
        return TIP_ESYNTAX;
    bool whole = csv_parse(&parser, line.data, line.len, on_field, on_row, &splitting) == line.len;
    bool closed = whole && csv_fini(&parser, on_field, on_row, &splitting) == 0;
    csv_free(&parser);
    if (splitting.too_many)
        *ret_problem = "has more than 256 cells";
    else if (!whole)
        *ret_problem = "a quote stands inside a cell";
    else if (!closed)
        *ret_problem = "a quote is not closed in its line";
    if (splitting.too_many || !closed)
        return TIP_ESYNTAX;
    size_t start = 0;
    if (row->text.data == NULL)
        buf_reserve(&row->text, 1); /* only empty fields: they still point somewhere */
    for (size_t i = 0; i < row->count; i++) {
        row->fields[i] = str_from(row->text.data + start, splitting.ends[i] - start);
        start = splitting.ends[i];
    }
    return 0;
}

void csv_row_release(struct csv_row *row)
{
    buf_release(&row->text);
}

int csv_column(const struct csv_row *header, const char *name)
{
    for (size_t i = 0; i < header->count; i++)
        if (str_equal(header->fields[i], str_of(name)))
            return (int)i;
    return -1;
}

/* --- records */

int csv_layout_read(enum record_kind kind, const struct csv_row *header,
                    struct csv_layout *ret_layout, const char **ret_missing)
{
    struct csv_layout layout = {.kind = kind, .columns = header->count};
    for (int i = 0; i < FIELDS_MAX && fields[kind][i].name != NULL; i++) {
        layout.places[i] = csv_column(header, fields[kind][i].name);
        if (layout.places[i] < 0 && !fields[kind][i].optional) {
            *ret_missing = fields[kind][i].name;
            return TIP_EINVAL;
        }
    }
    *ret_layout = layout;
    return 0;
}

static size_t skip_digits(struct str text, size_t at)
{
    while (at < text.len && text.data[at] >= '0' && text.data[at] <= '9')
        at++;
    return at;
}

/* A number as JSON writes it (RFC 8259). */
static bool is_json_number(struct str text)
{
    size_t at = text.len > 0 && text.data[0] == '-';
    size_t end = skip_digits(text, at);
    if (end == at || (text.data[at] == '0' && end > at + 1))
        return false;
    if (end < text.len && text.data[end] == '.') {
        at = end + 1;
        end = skip_digits(text, at);
        if (end == at)
            return false;
    }
    if (end < text.len && (text.data[end] == 'e' || text.data[end] == 'E')) {
        at = end + 1;
        if (at < text.len && (text.data[at] == '+' || text.data[at] == '-'))
            at++;
        end = skip_digits(text, at);
        if (end == at)
            return false;
    }
    return end == text.len;
}

static void add_number(struct str text, struct buf *out)
{
    if (is_json_number(text))
        buf_add_str(out, text);
    else
        buf_add_json(out, text);
}

static struct str trim(struct str text)
{
    while (text.len > 0 && text.data[0] == ' ')
        text = str_from(text.data + 1, text.len - 1);
    while (text.len > 0 && text.data[text.len - 1] == ' ')
        text.len--;
    return text;
}

/* The next piece up to ';'; false at the end. An empty cell has no pieces. */
static bool next_piece(struct str *rest, struct str *ret_piece)
{
    if (rest->data == NULL || rest->len == 0)
        return false;
    const char *separator = memchr(rest->data, ';', rest->len);
    size_t len = separator != NULL ? (size_t)(separator - rest->data) : rest->len;
    *ret_piece = trim(str_from(rest->data, len));
    size_t used = separator != NULL ? len + 1 : len;
    *rest = str_from(rest->data + used, rest->len - used);
    return true;
}

/* event:odds; the last ':' divides, since ids may have one. */
static void add_selection(struct str piece, struct buf *out)
{
    const char *colon = memrchr(piece.data, ':', piece.len);
    size_t id_len = colon != NULL ? (size_t)(colon - piece.data) : piece.len;
    buf_add_text(out, "{\"event_id\":");
    buf_add_json(out, trim(str_from(piece.data, id_len)));
    if (colon != NULL) {
        buf_add_text(out, ",\"odds\":");
        add_number(trim(str_from(colon + 1, piece.len - id_len - 1)), out);
    }
    buf_add_char(out, '}');
}

static void add_list(struct str cell, enum field_form form, struct buf *out)
{
    struct str piece;
    const char *separator = "";
    buf_add_char(out, '[');
    for (; next_piece(&cell, &piece); separator = ",") {
        buf_add_text(out, separator);
        if (form == FORM_SELECTIONS)
            add_selection(piece, out);
        else
            buf_add_json(out, piece);
    }
    buf_add_char(out, ']');
}

void csv_row_json(const struct csv_layout *layout, const struct csv_row *row, struct buf *out)
{
    const char *separator = "{";
    for (int i = 0; i < FIELDS_MAX && fields[layout->kind][i].name != NULL; i++) {
        const struct field *field = &fields[layout->kind][i];
        int place = layout->places[i];
        if (place < 0 || (size_t)place >= row->count ||
            (field->optional && row->fields[place].len == 0))
            continue;
        buf_add_text(out, separator);
        buf_add_json(out, str_of(field->name));
        buf_add_char(out, ':');
        if (field->form == FORM_TEXT)
            buf_add_json(out, row->fields[place]);
        else if (field->form == FORM_NUMBER)
            add_number(row->fields[place], out);
        else
            add_list(row->fields[place], field->form, out);
        separator = ",";
    }
    buf_add_text(out, *separator == '{' ? "{}" : "}");
}
