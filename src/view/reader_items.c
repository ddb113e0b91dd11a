/* Hits as JSON: documents copied as they stand, with their scores. */
#include "base/err.h"
#include "domain/item.h"
#include "view/reader_internal.h"

static int fetch(const struct view_reader *reader, const struct hit *hit,
                 struct event_view *ret_event)
{
    int err = reader_event(reader, hit->event, ret_event);
    return err == 0 && ret_event->document.len == 0 ? TIP_EFATAL : err;
}

/* The participant that adds most, of equal ones the first by its name; NULL data: none adds. */
static struct str best_member(const struct view_reader *reader, const struct event_view *event,
                              int64_t *ret_weight)
{
    struct str best = {0};
    *ret_weight = 0;
    for (size_t i = 0; i < event->head.member_count; i++) { /* in the order of their names */
        struct view_event_member member = event_view_member(event, i);
        int64_t weight = profile_member(&reader->profile, member.member);
        if (weight <= *ret_weight || (size_t)member.at + member.bytes > event->document.len)
            continue;
        *ret_weight = weight;
        best = str_from(event->document.data + member.at, member.bytes);
    }
    return best;
}

/* value_json of what is no participant is the plain name still: see quote. */
static size_t list_reasons(const struct view_reader *reader, const struct event_view *event,
                           struct item_reason ret_reasons[RANK_TAG_CLASSES],
                           enum rank_tag_class ret_classes[RANK_TAG_CLASSES])
{
    static const char *const names[RANK_TAG_CLASSES] = {
        [RANK_KIND] = "sport",
        [RANK_SERIES] = "league",
        [RANK_REGION] = "country",
        [RANK_MEMBER] = "participant",
    };
    const struct catalogue_group *group = &reader->catalogue.groups[event->head.group];
    const struct profile *profile = &reader->profile;
    const struct rank_weights *weights = &reader->weights;
    struct rank_reason ordered[RANK_TAG_CLASSES];
    int64_t member_weight;
    struct str member = best_member(reader, event, &member_weight);
    struct rank_reason parts[RANK_TAG_CLASSES] = {
        {RANK_KIND, group->sport_name,
         score_sum(weights, profile_attribute(profile, group->sport), 0, 0), 0},
        {RANK_SERIES, group->league_name,
         score_sum(weights, 0, profile_attribute(profile, group->league), 0), 0},
        {RANK_REGION, group->country_name,
         score_sum(weights, 0, 0, profile_attribute(profile, group->country)), 0},
        {RANK_MEMBER, member, weights->member * member_weight, 0},
    };
    size_t count = score_order(parts, ordered);
    for (size_t i = 0; i < count; i++) {
        ret_reasons[i] =
            (struct item_reason){names[ordered[i].class], ordered[i].value, ordered[i].share};
        ret_classes[i] = ordered[i].class;
    }
    return count;
}

/* Group names become JSON in scratch; a participant's is a part of the document already. */
static void quote(struct buf *scratch, struct item_reason *reasons,
                  const enum rank_tag_class *classes, size_t count)
{
    size_t ends[RANK_TAG_CLASSES + 1] = {scratch->len};
    for (size_t i = 0; i < count; i++) { /* all of them first: the buffer moves as it grows */
        if (classes[i] != RANK_MEMBER)
            buf_add_json(scratch, reasons[i].value_json);
        ends[i + 1] = scratch->len;
    }
    for (size_t i = 0; i < count; i++)
        if (classes[i] != RANK_MEMBER)
            reasons[i].value_json = str_from(scratch->data + ends[i], ends[i + 1] - ends[i]);
}

static int add_explained(struct view_reader *reader, const struct hit *hit, struct str score,
                         struct buf *out)
{
    struct item_reason reasons[RANK_TAG_CLASSES];
    enum rank_tag_class classes[RANK_TAG_CLASSES];
    struct event_view event;
    AUTO_BUF quoted = {0};
    int err = fetch(reader, hit, &event);
    if (err != 0)
        return err;
    size_t count = list_reasons(reader, &event, reasons, classes);
    quote(&quoted, reasons, classes, count);
    item_similar(event.document, score, reasons, count, out);
    return 0;
}

static int add_item(struct view_reader *reader, const struct view_query *query,
                    const struct hit *hit, struct str score, struct buf *out)
{
    struct event_view event;
    struct str document = hit->document;
    if (query->explain && !hit->popular)
        return add_explained(reader, hit, score, out);
    if (document.len == 0) {
        int err = fetch(reader, hit, &event);
        if (err != 0)
            return err;
        document = event.document;
    }
    if (hit->popular)
        item_popular(document, out);
    else
        item_similar(document, score, NULL, 0, out);
    return 0;
}

static int add_older(const struct view_reader *reader, const struct hit *hit, struct buf *out)
{
    struct event_view event;
    int err = fetch(reader, hit, &event);
    if (err == 0)
        buf_add_str(out, event.older);
    return err;
}

/* Neighbours mostly have the same numerator: its text is made once. */
int reader_items(struct view_reader *reader, const struct view_query *query, struct buf *out)
{
    struct buf *score = &reader->scratch;
    int64_t rendered = -1;
    size_t start = out->len;
    buf_clear(score);
    buf_add_char(out, '[');
    for (size_t i = 0; i < reader->hit_count; i++) {
        const struct hit *hit = &reader->hits[i];
        int err;
        if (i > 0)
            buf_add_char(out, ',');
        if (query->generation == GENERATION_OLDER) {
            err = add_older(reader, hit, out);
        } else {
            if (!hit->popular && hit->numerator != rendered) {
                buf_clear(score);
                item_number(score_value(hit->numerator, reader->profile.total), score);
                rendered = hit->numerator;
            }
            err = add_item(reader, query, hit, buf_str(score), out);
        }
        if (err != 0) {
            out->len = start;
            return err;
        }
    }
    buf_add_char(out, ']');
    return 0;
}
