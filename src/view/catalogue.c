/* Groups and pairs in memory; see catalogue.h. */
#include "view/catalogue.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>

void catalogue_release(struct view_catalogue *catalogue)
{
    free(catalogue->groups);
    free(catalogue->pairs);
    free(catalogue->first_of_sport);
    free(catalogue->first_of_company);
    free(catalogue->first_of_member);
    arena_release(&catalogue->arena);
    *catalogue = (struct view_catalogue){0};
}

/* Room for numbers up to `last` in *items, what is new cleared. */
static void reserve(void *items_at, size_t *capacity, size_t last, size_t size)
{
    void **items = items_at;
    if (last < *capacity)
        return;
    size_t grown = *capacity == 0 ? 256 : *capacity;
    while (grown <= last)
        grown *= 2;
    *items = xreallocarray(*items, grown, size);
    memset((char *)*items + *capacity * size, 0, (grown - *capacity) * size);
    *capacity = grown;
}

static int add_group(struct view_catalogue *catalogue, uint32_t number, struct str value)
{
    struct view_group head;
    if (value.len < sizeof(head))
        return TIP_EFATAL;
    memcpy(&head, value.data, sizeof(head));
    const char *at = value.data + sizeof(head);
    size_t bytes = (size_t)head.sport_bytes + head.league_bytes + head.country_bytes;
    if (value.len != sizeof(head) + bytes)
        return TIP_EFATAL;
    struct str names = arena_copy(&catalogue->arena, str_from(at, bytes));
    catalogue->groups[number] = (struct catalogue_group){
        .company = head.company,
        .sport = head.sport,
        .league = head.league,
        .country = head.country,
        .next_of_sport = catalogue->first_of_sport[head.sport],
        .next_of_company = catalogue->first_of_company[head.company],
        .sport_name = str_from(names.data, head.sport_bytes),
        .league_name = str_from(names.data + head.sport_bytes, head.league_bytes),
        .country_name =
            str_from(names.data + head.sport_bytes + head.league_bytes, head.country_bytes),
    };
    catalogue->first_of_sport[head.sport] = number;
    catalogue->first_of_company[head.company] = number;
    return 0;
}

static int add_pair(struct view_catalogue *catalogue, uint32_t number, struct str value)
{
    struct view_pair pair;
    if (value.len != sizeof(pair))
        return TIP_EFATAL;
    memcpy(&pair, value.data, sizeof(pair));
    catalogue->pairs[number] = (struct catalogue_pair){
        .group = pair.group, .next = catalogue->first_of_member[pair.member]};
    catalogue->first_of_member[pair.member] = number;
    return 0;
}

/* Calls add for the entries of a table with numbers from `from` up to `last`. */
static int read_new(struct view_catalogue *catalogue, const struct tables *tables,
                    enum view_table table, uint32_t from, uint32_t last,
                    int (*add)(struct view_catalogue *, uint32_t, struct str))
{
    AUTO_CURSOR *cursor = NULL;
    struct str key, value;
    int err = table_cursor(tables, table, &cursor);
    if (err == 0)
        err = cursor_seek(cursor, number_key(&from), &key, &value);
    for (uint32_t number = from; err == 0; number++) {
        if (number_read(key) != number)
            return TIP_EFATAL;
        err = add(catalogue, number, value);
        if (err != 0 || number == last)
            return err;
        err = cursor_next(cursor, &key, &value);
    }
    return err > 0 ? TIP_EFATAL : err;
}

int catalogue_refresh(struct view_catalogue *catalogue, const struct tables *tables,
                      const struct view_meta *meta)
{
    int err = 0;
    reserve(&catalogue->groups, &catalogue->group_capacity, meta->group_count,
            sizeof(*catalogue->groups));
    reserve(&catalogue->pairs, &catalogue->pair_capacity, meta->pair_count,
            sizeof(*catalogue->pairs));
    reserve(&catalogue->first_of_sport, &catalogue->attribute_capacity, meta->attribute_count,
            sizeof(uint32_t));
    reserve(&catalogue->first_of_company, &catalogue->company_capacity, meta->company_count,
            sizeof(uint32_t));
    reserve(&catalogue->first_of_member, &catalogue->member_capacity, meta->member_count,
            sizeof(uint32_t));
    if (meta->group_count > catalogue->group_count)
        err = read_new(catalogue, tables, VIEW_TABLE_groups, catalogue->group_count + 1,
                       meta->group_count, add_group);
    if (err != 0)
        return err;
    catalogue->group_count = meta->group_count;
    if (meta->pair_count > catalogue->pair_count)
        err = read_new(catalogue, tables, VIEW_TABLE_pairs, catalogue->pair_count + 1,
                       meta->pair_count, add_pair);
    if (err == 0)
        catalogue->pair_count = meta->pair_count;
    return err;
}
