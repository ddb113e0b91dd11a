/* Brute force; see model.h. */
#include "model.h"

#include "base/err.h"
#include "base/mem.h"
#include "domain/item.h"
#include "rank/affinity.h"

#include <stdio.h>
#include <stdlib.h>

struct str model_company(int company)
{
    static const char *const names[MODEL_COMPANIES] = {"acme", "b"};
    return str_of(names[company]);
}

/* Ids of which some are the beginnings of others. */
static struct str numbered(char (*texts)[24], const char *prefix, int number)
{
    snprintf(texts[number], sizeof(texts[number]), "%s%.*s%d", prefix, number % 3, "-0", number);
    return str_of(texts[number]);
}

struct str model_event_id(int event)
{
    static char texts[MODEL_EVENTS][24];
    return numbered(texts, "e", event);
}

struct str model_user_id(int user)
{
    static char texts[MODEL_USERS][24];
    return numbered(texts, "u", user);
}

struct str model_coupon_id(int coupon)
{
    static char texts[MODEL_COUPONS][24];
    return numbered(texts, "c", coupon);
}

enum decision model_put_event(struct model *model, int company, int event,
                              const struct event *record, uint64_t position)
{
    struct model_event *known = &model->events[company][event];
    struct precedence current = {known->version, known->position};
    struct precedence incoming = {record->version, position};
    enum decision decision = decide_mutable(known->decided ? &current : NULL, &incoming);
    if (decision == DECISION_APPLY)
        *known = (struct model_event){true, true, false, record->version, position, *record};
    return decision;
}

enum decision model_withdraw(struct model *model, int company, int event, int64_t version,
                             uint64_t position)
{
    struct model_event *known = &model->events[company][event];
    struct precedence current = {known->version, known->position}, incoming = {version, position};
    enum decision decision = decide_mutable(known->decided ? &current : NULL, &incoming);
    if (decision == DECISION_APPLY) {
        known->decided = known->withdrawn = true;
        known->version = version;
        known->position = position;
    }
    return decision;
}

enum decision model_put_user(struct model *model, int company, int user, int64_t version,
                             uint64_t position)
{
    struct model_user *known = &model->users[company][user];
    struct precedence current = {known->version, known->position}, incoming = {version, position};
    enum decision decision = decide_mutable(known->known ? &current : NULL, &incoming);
    if (decision == DECISION_APPLY)
        *known = (struct model_user){true, version, position};
    return decision;
}

void model_erase_user(struct model *model, int company, int user, uint64_t position)
{
    struct model_user *known = &model->users[company][user];
    if (known->position < position)
        *known = (struct model_user){0};
}

void model_erase_coupons(struct model *model, int company, int user, uint64_t position)
{
    for (int i = 0; i < MODEL_COUPONS; i++) {
        struct model_coupon *coupon = &model->coupons[i];
        if (coupon->used && coupon->company == company && coupon->user == user &&
            coupon->position < position)
            coupon->used = false;
    }
}

enum decision model_put_coupon(struct model *model, const struct model_coupon *coupon)
{
    int empty = -1;
    for (int i = 0; i < MODEL_COUPONS; i++) {
        const struct model_coupon *other = &model->coupons[i];
        if (!other->used) {
            empty = empty < 0 ? i : empty;
            continue;
        }
        if (other->company != coupon->company || other->user != coupon->user ||
            other->id != coupon->id)
            continue;
        struct coupon_identity current = {.position = other->position};
        struct coupon_identity incoming = {.position = coupon->position};
        memcpy(current.content_hash, other->content_hash, 32);
        memcpy(incoming.content_hash, coupon->content_hash, 32);
        return decide_coupon(&current, &incoming);
    }
    if (empty < 0)
        abort(); /* the test makes fewer */
    model->coupons[empty] = *coupon;
    model->coupons[empty].used = true;
    return DECISION_APPLY;
}

/* Answers. */

static struct rank_tags tags_of(const struct event *event)
{
    return (struct rank_tags){event->sport, event->league, event->country, event->participants,
                              event->participant_count};
}

struct past {
    int64_t placed_at_ms;
    const struct event *event;
};

static int newest_first(const void *a, const void *b)
{
    const struct past *x = a, *y = b;
    if (x->placed_at_ms != y->placed_at_ms)
        return x->placed_at_ms > y->placed_at_ms ? -1 : 1;
    return str_compare(x->event->event_id, y->event->event_id);
}

/* S as choices; bet_on: by event. Returns whether there is a coupon. */
static bool history(const struct model *model, int company, int user, struct rank_choice *choices,
                    size_t *ret_count, bool *bet_on)
{
    static struct past past[MODEL_COUPONS * MODEL_SELECTIONS];
    size_t count = 0;
    bool any = false;
    for (int i = 0; i < MODEL_COUPONS; i++) {
        const struct model_coupon *coupon = &model->coupons[i];
        if (!coupon->used || coupon->company != company || coupon->user != user)
            continue;
        any = true;
        for (size_t k = 0; k < coupon->event_count; k++) {
            const struct model_event *event = &model->events[company][coupon->events[k]];
            bet_on[coupon->events[k]] = true;
            if (event->known)
                past[count++] = (struct past){coupon->placed_at_ms, &event->event};
        }
    }
    qsort(past, count, sizeof(past[0]), newest_first);
    *ret_count = count < RANK_CHOICES_MAX ? count : RANK_CHOICES_MAX;
    for (size_t i = 0; i < *ret_count; i++)
        choices[i] = (struct rank_choice){past[i].placed_at_ms, tags_of(past[i].event)};
    return any;
}

static bool is_open(const struct model_event *event, const struct view_query *query)
{
    if (!event->known || event->withdrawn || event->event.begin_ms <= query->now_ms ||
        event->event.begin_ms >= query->before_ms)
        return false;
    for (size_t i = 0; i < query->exclude_count; i++)
        if (str_equal(query->excludes[i], event->event.event_id))
            return false;
    return filter_admits(&query->sports, event->event.sport) &&
           filter_admits(&query->leagues, event->event.league) &&
           filter_admits(&query->countries, event->event.country);
}

struct answer {
    int64_t rank; /* numerator, or count */
    const struct event *event;
    int number;
};

static int best_first(const void *a, const void *b)
{
    const struct answer *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank > y->rank ? -1 : 1;
    if (x->event->begin_ms != y->event->begin_ms)
        return x->event->begin_ms < y->event->begin_ms ? -1 : 1;
    return str_compare(x->event->event_id, y->event->event_id);
}

static size_t similar(const struct model *model, int company, const struct view_query *query,
                      const struct affinity *affinity, const bool *bet_on,
                      struct answer ret_answers[MODEL_EVENTS])
{
    size_t count = 0;
    for (int i = 0; i < MODEL_EVENTS; i++) {
        const struct model_event *event = &model->events[company][i];
        struct rank_tags tags = tags_of(&event->event);
        int64_t numerator;
        if (bet_on[i] || !is_open(event, query) ||
            !score_item(affinity, &model->weights, &tags, &numerator))
            continue;
        ret_answers[count++] = (struct answer){numerator, &event->event, i};
    }
    qsort(ret_answers, count, sizeof(ret_answers[0]), best_first);
    return count < query->n ? count : query->n;
}

static size_t popular(const struct model *model, int company, const struct view_query *query,
                      const bool *hidden, struct answer ret_answers[MODEL_EVENTS])
{
    int64_t counts[MODEL_EVENTS] = {0};
    size_t count = 0;
    for (int i = 0; i < MODEL_COUPONS; i++) {
        const struct model_coupon *coupon = &model->coupons[i];
        for (size_t k = 0; coupon->used && coupon->company == company && k < coupon->event_count;
             k++)
            counts[coupon->events[k]]++;
    }
    for (int i = 0; i < MODEL_EVENTS; i++) {
        const struct model_event *event = &model->events[company][i];
        if (!hidden[i] && is_open(event, query))
            ret_answers[count++] = (struct answer){counts[i], &event->event, i};
    }
    qsort(ret_answers, count, sizeof(ret_answers[0]), best_first);
    return count;
}

static void add_similar(const struct model *model, const struct affinity *affinity,
                        const struct view_query *query, const struct answer *answer,
                        struct buf *out)
{
    static const char *const names[] = {"sport", "league", "country", "participant"};
    struct rank_reason reasons[RANK_TAG_CLASSES];
    struct item_reason items[RANK_TAG_CLASSES];
    struct buf values[RANK_TAG_CLASSES] = {0};
    AUTO_BUF event = {0};
    AUTO_BUF score = {0};
    struct rank_tags tags = tags_of(answer->event);
    size_t count = score_explain(affinity, &model->weights, &tags, reasons);
    for (size_t i = 0; i < count; i++) {
        buf_add_json(&values[i], reasons[i].value);
        items[i] =
            (struct item_reason){names[reasons[i].class], buf_str(&values[i]), reasons[i].share};
    }
    event_json(answer->event, false, &event);
    item_number(score_value(answer->rank, affinity_total(affinity)), &score);
    item_similar(buf_str(&event), buf_str(&score), query->explain ? items : NULL, count, out);
    for (size_t i = 0; i < count; i++)
        buf_release(&values[i]);
}

static void add_popular(const struct answer *answer, struct buf *out)
{
    AUTO_BUF event = {0};
    event_json(answer->event, false, &event);
    item_popular(buf_str(&event), out);
}

static void add_answer(const struct model *model, int company, const struct affinity *affinity,
                       const struct view_query *query, const struct answer *answer, bool first,
                       struct buf *out)
{
    if (!first)
        buf_add_char(out, ',');
    if (query->generation == GENERATION_OLDER)
        event_json_older(answer->event, model_company(company), out);
    else if (affinity == NULL)
        add_popular(answer, out);
    else
        add_similar(model, affinity, query, answer, out);
}

int model_recommend(const struct model *model, int company, const struct view_query *query,
                    int user, struct buf *out, bool *ret_known)
{
    static struct rank_choice choices[RANK_CHOICES_MAX];
    struct answer answers[MODEL_EVENTS];
    bool hidden[MODEL_EVENTS] = {false};
    struct affinity *affinity = affinity_new();
    size_t choice_count;
    bool any = history(model, company, user, choices, &choice_count, hidden);
    affinity_build(affinity, choices, choice_count, model->half_life_ms);
    size_t count = similar(model, company, query, affinity, hidden, answers), listed = count;
    buf_add_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        add_answer(model, company, affinity, query, &answers[i], i == 0, out);
        hidden[answers[i].number] = true;
    }
    if (query->fill) {
        count = popular(model, company, query, hidden, answers);
        for (size_t i = 0; i < count && listed < query->n; i++)
            add_answer(model, company, NULL, query, &answers[i], listed++ == 0, out);
    }
    buf_add_char(out, ']');
    affinity_free(affinity);
    *ret_known = any || model->users[company][user].known;
    return 0;
}

int model_similar(const struct model *model, int company, const struct view_query *query, int event,
                  struct buf *out)
{
    const struct model_event *of = &model->events[company][event];
    struct answer answers[MODEL_EVENTS];
    bool hidden[MODEL_EVENTS] = {false};
    if (!of->known || of->withdrawn)
        return TIP_ENOTFOUND;
    struct rank_choice choice = {.tags = tags_of(&of->event)};
    struct affinity *affinity = affinity_new();
    affinity_build(affinity, &choice, 1, model->half_life_ms);
    hidden[event] = true;
    size_t count = similar(model, company, query, affinity, hidden, answers);
    buf_add_char(out, '[');
    for (size_t i = 0; i < count; i++)
        add_answer(model, company, affinity, query, &answers[i], i == 0, out);
    buf_add_char(out, ']');
    affinity_free(affinity);
    return 0;
}

int model_popular(const struct model *model, int company, const struct view_query *query,
                  struct buf *out)
{
    struct answer answers[MODEL_EVENTS];
    bool hidden[MODEL_EVENTS] = {false};
    size_t count = popular(model, company, query, hidden, answers);
    buf_add_char(out, '[');
    for (size_t i = 0; i < count && i < query->n; i++)
        add_answer(model, company, NULL, query, &answers[i], i == 0, out);
    buf_add_char(out, ']');
    return 0;
}

int model_event_get(const struct model *model, int company, int event, struct buf *out)
{
    const struct model_event *of = &model->events[company][event];
    if (!of->known || of->withdrawn)
        return TIP_ENOTFOUND;
    event_json(&of->event, true, out);
    return 0;
}

static bool has_participant(const struct event *event, const struct event_filter *wanted)
{
    for (size_t i = 0; i < event->participant_count; i++)
        if (wanted->count > 0 && filter_admits(wanted, event->participants[i]))
            return true;
    return wanted->count == 0;
}

static bool in_page(const struct model_event *event, const struct view_list_query *query)
{
    const struct event *of = &event->event;
    if (!event->known || event->withdrawn || of->begin_ms < query->range.from_ms ||
        of->begin_ms >= query->range.before_ms)
        return false;
    if (of->begin_ms == query->range.from_ms && query->range.from_id.len > 0 &&
        str_compare(of->event_id, query->range.from_id) <= 0)
        return false;
    return filter_admits(&query->sports, of->sport) && filter_admits(&query->leagues, of->league) &&
           filter_admits(&query->countries, of->country) &&
           has_participant(of, &query->participants);
}

int model_list(const struct model *model, int company, const struct view_list_query *query,
               struct buf *out, struct view_list_page *ret_page)
{
    struct answer answers[MODEL_EVENTS];
    size_t count = 0;
    for (int i = 0; i < MODEL_EVENTS; i++)
        if (in_page(&model->events[company][i], query))
            answers[count++] = (struct answer){0, &model->events[company][i].event, i};
    qsort(answers, count, sizeof(answers[0]), best_first);
    *ret_page = (struct view_list_page){.more = count > query->limit};
    buf_add_char(out, '[');
    for (size_t i = 0; i < count && i < query->limit; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        event_json(answers[i].event, true, out);
        ret_page->count++;
        ret_page->last_begin_ms = answers[i].event->begin_ms;
        ret_page->last_id = answers[i].event->event_id;
    }
    buf_add_char(out, ']');
    return 0;
}
