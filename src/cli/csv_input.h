/*
 * CSV rows (RFC 4180 by libcsv, the only place that includes it) and the JSON records they stand
 * for. A header row names the columns. A row is one line: none of the fields may hold a newline,
 * and so an unclosed quote spoils its own line only.
 */
#ifndef TIPSTER_CLI_CSV_INPUT_H
#define TIPSTER_CLI_CSV_INPUT_H

#include "base/buf.h"
#include "domain/record.h"

enum { CSV_FIELDS_MAX = 256 };

struct csv_row {
    struct buf text; /* the fields' bytes */
    struct str fields[CSV_FIELDS_MAX];
    size_t count;
};

/*
 * Splits a line; the row is reused and released by the caller with csv_row_release. TIP_ESYNTAX:
 * ret_problem (static) says what is wrong.
 */
int csv_row_parse(struct csv_row *row, struct str line, const char **ret_problem);
void csv_row_release(struct csv_row *row);

/* The place of a column in a header row, -1 when it is not there. */
int csv_column(const struct csv_row *header, const char *name);

/* Which column holds which field of a record; other columns are passed over. */
struct csv_layout {
    enum record_kind kind;
    size_t columns; /* of the header */
    int places[16];
};

/* TIP_EINVAL: *ret_missing is a required column that the header lacks. */
int csv_layout_read(enum record_kind kind, const struct csv_row *header,
                    struct csv_layout *ret_layout, const char **ret_missing);
/*
 * Appends the row as a JSON object. Participants are separated by ';', selections are event:odds
 * separated by ';'. What is no number where one belongs stays a string, for the validator to name.
 */
void csv_row_json(const struct csv_layout *layout, const struct csv_row *row, struct buf *out);

#endif
