/* Numbers for names; see writer_internal.h and layout.h ("names"). */
#include "base/err.h"
#include "view/writer_internal.h"

/* The number under a name; when there is none, the next of *counter. *ret_new: it is new. */
static int number_of(struct view_writer *writer, enum view_table table, struct str key,
                     uint32_t *counter, uint32_t *ret_number, bool *ret_new)
{
    struct str value;
    int err = table_get(&writer->tables, table, key, &value);
    *ret_new = err == TIP_ENOTFOUND;
    if (err == 0) {
        *ret_number = number_read(value);
        return 0;
    }
    if (err != TIP_ENOTFOUND)
        return err;
    uint32_t number = ++*counter; /* from 1 on: 0 is no name */
    err = table_put(&writer->tables, table, key, number_key(&number));
    if (err != 0)
        return err;
    writer->meta_changed = true;
    *ret_number = number;
    return 0;
}

int writer_company(struct view_writer *writer, struct str company, uint32_t *ret_number)
{
    bool is_new;
    uint32_t number;
    if (writer->company_name.len > 0 && str_equal(writer->company_name, company)) {
        *ret_number = writer->company;
        return 0;
    }
    if (company.len == 0 || company.len > sizeof(writer->company_bytes))
        return TIP_EFATAL; /* change_decode lets none through */
    int err = number_of(writer, VIEW_TABLE_companies, company, &writer->meta.company_count, &number,
                        &is_new);
    if (err != 0)
        return err;
    memcpy(writer->company_bytes, company.data, company.len);
    writer->company_name = str_from(writer->company_bytes, company.len);
    writer->company = number;
    *ret_number = number;
    return 0;
}

int writer_member(struct view_writer *writer, uint32_t company, uint32_t sport, struct str name,
                  uint32_t *ret_number)
{
    struct table_key key;
    bool is_new;
    return number_of(writer, VIEW_TABLE_names, key_name(&key, company, 'p', sport, name),
                     &writer->meta.member_count, ret_number, &is_new);
}

static int add_group(struct view_writer *writer, uint32_t group, const struct view_group *head,
                     const struct event *event)
{
    struct buf *record = &writer->record;
    buf_clear(record);
    buf_add(record, head, sizeof(*head));
    buf_add_str(record, event->sport);
    buf_add_str(record, event->league);
    buf_add_str(record, event->country);
    return table_append(&writer->tables, VIEW_TABLE_groups, number_key(&group), buf_str(record));
}

int writer_group(struct view_writer *writer, uint32_t company, const struct event *event,
                 uint32_t *ret_group, uint32_t *ret_sport)
{
    struct table_key key, value;
    uint32_t *counter = &writer->meta.attribute_count;
    uint32_t sport, league, country, group;
    bool is_new;
    int err = number_of(writer, VIEW_TABLE_names, key_name(&key, company, 's', 0, event->sport),
                        counter, &sport, &is_new);
    if (err == 0)
        err =
            number_of(writer, VIEW_TABLE_names, key_name(&key, company, 'l', sport, event->league),
                      counter, &league, &is_new);
    if (err == 0)
        err = number_of(writer, VIEW_TABLE_names, key_name(&key, company, 'c', 0, event->country),
                        counter, &country, &is_new);
    if (err != 0)
        return err;
    value.len = 0;
    key_be32(&value, league);
    key_be32(&value, country);
    err = number_of(writer, VIEW_TABLE_names, key_name(&key, company, 'g', sport, key_of(&value)),
                    &writer->meta.group_count, &group, &is_new);
    struct view_group head = {
        .company = company,
        .sport = sport,
        .league = league,
        .country = country,
        .sport_bytes = (uint16_t)event->sport.len,
        .league_bytes = (uint16_t)event->league.len,
        .country_bytes = (uint16_t)event->country.len,
    };
    if (err == 0 && is_new)
        err = add_group(writer, group, &head, event);
    if (err != 0)
        return err;
    *ret_group = group;
    *ret_sport = sport;
    return 0;
}

int writer_pair(struct view_writer *writer, uint32_t company, uint32_t member, uint32_t group)
{
    struct table_key key, value;
    uint32_t number;
    bool is_new;
    value.len = 0;
    key_be32(&value, group);
    int err =
        number_of(writer, VIEW_TABLE_names, key_name(&key, company, 'm', member, key_of(&value)),
                  &writer->meta.pair_count, &number, &is_new);
    if (err != 0 || !is_new)
        return err;
    struct view_pair pair = {.member = member, .group = group};
    return table_append(&writer->tables, VIEW_TABLE_pairs, number_key(&number),
                        str_from(&pair, sizeof(pair)));
}
