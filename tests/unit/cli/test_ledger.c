/* Ledgers as they are written, torn and broken; and which states of a user or event they allow. */
#include "tests/unit/unit.h"

#include "base/err.h"
#include "cli/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t now_ms = 1795000000000; /* November 2026 */

#define COUPON(user, coupon, stake)                                                                \
    "{\"coupon_id\":\"" coupon "\",\"user_id\":\"" user "\",\"stake\":" stake                      \
    ",\"timestamp\":\"2026-01-01T00:00:00Z\",\"selections\":[{\"event_id\":\"e\",\"odds\":2}]}"
#define USER(id, year)                                                                             \
    "{\"user_id\":\"" id "\",\"birth_year\":" year ",\"country\":\"N\",\"currency\":\"NOK\","      \
    "\"gender\":\"f\",\"registration_date\":\"2020-01-01\"}"

/* Reads a ledger of this text; on success it is indexed. */
static int read_text(const char *text, struct ledger *ledger, struct buf *problem)
{
    char path[] = "/tmp/tipster-ledger-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    *ledger = (struct ledger){0};
    int err = ledger_read(ledger, path, now_ms, problem);
    unlink(path);
    if (err == 0)
        ledger_index(ledger);
    return err;
}

static void reads_attempts_and_outcomes(void **state)
{
    (void)state;
    struct ledger ledger;
    AUTO_BUF problem = {0};
    assert_int_equal(
        read_text("attempt\t1\tcoupon\tput\tv1\t" COUPON(
                      "u", "c",
                      "10") "\n"
                            "attempt\t2\tuser\tput\tv1\t" USER(
                                "u", "1990") "\n"
                                             "outcome\t2\tok\n"
                                             "attempt\t3\tcoupon\tput\tolder\t" COUPON(
                                                 "u", "c",
                                                 "10.0") "\n"
                                                         "attempt\t4\tevent\tdelete\tv1\t{\"event_"
                                                         "id\":\"e\",\"version\":7}\n"
                                                         "outcome\t1\tfail\noutcome\t4\tunknown\n",
                  &ledger, &problem),
        0);
    assert_int_equal(ledger.key_count, 3);
    const struct ledger_key *key = ledger_find(&ledger, RECORD_COUPON, str_of("u"), str_of("c"));
    assert_non_null(key);
    assert_int_equal(key->count, 2);
    assert_int_equal(key->attempts[0].outcome, OUTCOME_FAIL);
    assert_int_equal(key->attempts[1].outcome, OUTCOME_UNKNOWN);
    /* The same content in other words. */
    assert_memory_equal(key->attempts[0].content, key->attempts[1].content, SHA256_SIZE);
    key = ledger_find(&ledger, RECORD_EVENT, (struct str){0}, str_of("e"));
    assert_non_null(key);
    assert_true(key->attempts[0].withdrawal);
    assert_int_equal(key->attempts[0].version, 7);
    assert_null(ledger_find(&ledger, RECORD_USER, (struct str){0}, str_of("v")));
    ledger_release(&ledger);
}

static void ignores_a_torn_last_line(void **state)
{
    (void)state;
    struct ledger ledger;
    AUTO_BUF problem = {0};
    assert_int_equal(read_text("attempt\t1\tuser\tput\tv1\t" USER(
                                   "u", "1990") "\n"
                                                "attempt\t2\tuser\tput\tv1\t{\"user_",
                               &ledger, &problem),
                     0);
    assert_int_equal(ledger.count, 1);
    ledger_release(&ledger);
}

static void keeps_an_invalid_payload_apart(void **state)
{
    (void)state;
    struct ledger ledger;
    AUTO_BUF problem = {0};
    assert_int_equal(
        read_text("attempt\t1\tcoupon\tput\tv1\t" COUPON("u", "c", "0") "\n", &ledger, &problem),
        0);
    assert_false(ledger.attempts[0].valid);
    assert_null(ledger_find(&ledger, RECORD_COUPON, str_of("u"), str_of("c")));
    ledger_release(&ledger);
}

static void refuses_broken_lines(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "sent\t1\n",
        "attempt\t1\tuser\tput\tv1\n",
        "attempt\tx\tuser\tput\tv1\t{}\n",
        "attempt\t1\tbet\tput\tv1\t{}\n",
        "attempt\t1\tuser\tdelete\tv1\t{}\n",
        "outcome\t1\tok\n",
        "attempt\t1\tuser\tput\tv1\t{}\nattempt\t1\tuser\tput\tv1\t{}\n",
        "attempt\t1\tuser\tput\tv1\t{}\noutcome\t1\tok\noutcome\t1\tok\n",
        "attempt\t1\tuser\tput\tv1\t{}\noutcome\t1\tdone\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct ledger ledger;
        AUTO_BUF problem = {0};
        assert_int_equal(read_text(texts[i], &ledger, &problem), TIP_ESYNTAX);
        assert_true(problem.len > 0);
        ledger_release(&ledger);
    }
}

/* An attempt whose content is `letter`. */
static struct attempt put(char letter, int64_t version, enum attempt_outcome outcome)
{
    struct attempt attempt = {.outcome = outcome, .version = version, .valid = true};
    memset(attempt.content, letter, sizeof(attempt.content));
    return attempt;
}

static struct attempt withdrawal(int64_t version, enum attempt_outcome outcome)
{
    return (struct attempt){
        .outcome = outcome, .version = version, .valid = true, .withdrawal = true};
}

static struct attempt erasure(enum attempt_outcome outcome)
{
    return (struct attempt){
        .outcome = outcome, .version = VERSION_NONE, .valid = true, .erasure = true};
}

static struct stored_state stored(char letter, int64_t version, bool withdrawn)
{
    struct stored_state state = {
        .there = true, .known = letter != 0, .withdrawn = withdrawn, .version = version};
    memset(state.content, letter, sizeof(state.content));
    return state;
}

#define POSSIBLE(attempts, ...)                                                                    \
    check_state_is_possible(attempts, sizeof(attempts) / sizeof((attempts)[0]),                    \
                            &(struct stored_state[]){__VA_ARGS__}[0])

static void the_last_acknowledged_state_stands(void **state)
{
    (void)state;
    const struct attempt attempts[] = {put('a', VERSION_NONE, OUTCOME_OK),
                                       put('b', VERSION_NONE, OUTCOME_OK),
                                       put('x', VERSION_NONE, OUTCOME_FAIL)};
    assert_true(POSSIBLE(attempts, stored('b', VERSION_NONE, false)));
    assert_false(POSSIBLE(attempts, stored('a', VERSION_NONE, false)));
    assert_false(POSSIBLE(attempts, stored('x', VERSION_NONE, false)));
    assert_false(POSSIBLE(attempts, stored('b', VERSION_NONE, true)));
    assert_false(POSSIBLE(attempts, (struct stored_state){0}));
}

static void the_higher_version_stands(void **state)
{
    (void)state;
    const struct attempt attempts[] = {put('a', 5, OUTCOME_OK), put('b', 4, OUTCOME_OK),
                                       withdrawal(3, OUTCOME_OK)};
    assert_true(POSSIBLE(attempts, stored('a', 5, false)));
    assert_false(POSSIBLE(attempts, stored('b', 4, false)));
    assert_false(POSSIBLE(attempts, stored('a', 3, true)));
}

static void an_unknown_attempt_may_have_come_or_not(void **state)
{
    (void)state;
    const struct attempt attempts[] = {put('a', VERSION_NONE, OUTCOME_OK),
                                       put('b', VERSION_NONE, OUTCOME_UNKNOWN)};
    assert_true(POSSIBLE(attempts, stored('a', VERSION_NONE, false)));
    assert_true(POSSIBLE(attempts, stored('b', VERSION_NONE, false)));
    const struct attempt only[] = {put('a', VERSION_NONE, OUTCOME_UNKNOWN)};
    assert_true(POSSIBLE(only, (struct stored_state){0}));
    /* It may come late, but an older version changes nothing then. */
    const struct attempt late[] = {put('b', 1, OUTCOME_UNKNOWN), put('a', 2, OUTCOME_OK)};
    assert_false(POSSIBLE(late, stored('b', 1, false)));
    const struct attempt overtaken[] = {put('b', VERSION_NONE, OUTCOME_UNKNOWN),
                                        put('a', 2, OUTCOME_OK)};
    assert_true(POSSIBLE(overtaken, stored('b', VERSION_NONE, false)));
}

static void a_withdrawal_keeps_the_attributes(void **state)
{
    (void)state;
    const struct attempt attempts[] = {put('a', 1, OUTCOME_OK), withdrawal(2, OUTCOME_OK)};
    assert_true(POSSIBLE(attempts, stored('a', 2, true)));
    assert_false(POSSIBLE(attempts, stored('a', 1, false)));
    assert_false(POSSIBLE(attempts, stored(0, 2, true)));
    const struct attempt early[] = {withdrawal(2, OUTCOME_OK), put('a', 1, OUTCOME_OK)};
    assert_true(POSSIBLE(early, stored(0, 2, true)));
    assert_false(POSSIBLE(early, stored('a', 2, true)));
}

static void an_erasure_leaves_nothing(void **state)
{
    (void)state;
    const struct stored_state nothing = {0};
    const struct attempt erased[] = {put('a', 9, OUTCOME_OK), erasure(OUTCOME_OK)};
    assert_true(POSSIBLE(erased, nothing));
    assert_false(POSSIBLE(erased, stored('a', 9, false)));
    /* A lower version after it is new. */
    const struct attempt again[] = {put('a', 9, OUTCOME_OK), erasure(OUTCOME_OK),
                                    put('b', 1, OUTCOME_OK)};
    assert_true(POSSIBLE(again, stored('b', 1, false)));
    assert_false(POSSIBLE(again, stored('a', 9, false)));
    assert_false(POSSIBLE(again, nothing));
    const struct attempt perhaps[] = {put('a', 9, OUTCOME_OK), erasure(OUTCOME_UNKNOWN)};
    assert_true(POSSIBLE(perhaps, nothing));
    assert_true(POSSIBLE(perhaps, stored('a', 9, false)));
    const struct attempt refused[] = {put('a', 9, OUTCOME_OK), erasure(OUTCOME_FAIL)};
    assert_false(POSSIBLE(refused, nothing));
}

/* The definition, tried out: every unknown attempt from its own on in every state, at every moment.
 */
enum { FEW = 7, STATES = (FEW + 1) * (FEW + 1) };

struct outcome_set {
    bool possible[FEW + 1][FEW + 1]; /* [attributes + 1][last + 1] */
};

static void one_more(const struct attempt *attempts, int index, int a, int l,
                     struct outcome_set *to)
{
    const struct attempt *attempt = &attempts[index];
    bool both =
        l > 0 && attempts[l - 1].version != VERSION_NONE && attempt->version != VERSION_NONE;
    if (attempt->erasure)
        to->possible[0][0] = true;
    else if (both && attempt->version < attempts[l - 1].version)
        to->possible[a][l] = true;
    else
        to->possible[attempt->withdrawal ? a : index + 1][index + 1] = true;
}

static struct outcome_set all_outcomes(const struct attempt *attempts, int count)
{
    struct outcome_set set = {.possible[0][0] = true};
    for (int i = 0; i < count; i++) {
        struct outcome_set next = {0};
        bool sure = attempts[i].outcome == OUTCOME_OK;
        for (int s = 0; sure && s < STATES; s++)
            if (set.possible[s / (FEW + 1)][s % (FEW + 1)])
                one_more(attempts, i, s / (FEW + 1), s % (FEW + 1), &next);
        if (sure)
            set = next;
        do { /* until nothing new comes */
            next = set;
            for (int s = 0; s < STATES; s++)
                for (int u = 0; u <= i && set.possible[s / (FEW + 1)][s % (FEW + 1)]; u++)
                    if (attempts[u].outcome == OUTCOME_UNKNOWN)
                        one_more(attempts, u, s / (FEW + 1), s % (FEW + 1), &set);
        } while (memcmp(&next, &set, sizeof(set)) != 0);
    }
    return set;
}

/* Each attempt with a content of its own. */
static struct attempt any_attempt(int index, uint64_t *random)
{
    *random = *random * 6364136223846793005U + 1442695040888963407U;
    unsigned draw = (unsigned)(*random >> 40);
    int64_t version = draw % 3 == 0 ? VERSION_NONE : (int64_t)(draw / 3 % 4);
    enum attempt_outcome outcome = draw / 12 % 8 == 0  ? OUTCOME_FAIL
                                   : draw / 12 % 8 < 4 ? OUTCOME_OK
                                                       : OUTCOME_UNKNOWN;
    unsigned kind = draw / 96 % 10;
    if (kind == 0)
        return erasure(outcome);
    return kind < 4 ? withdrawal(version, outcome) : put((char)('a' + index), version, outcome);
}

static void what_is_possible_is_what_trying_out_gives(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int turn = 0; turn < 1000; turn++) {
        struct attempt attempts[FEW];
        int count = 1 + turn % FEW;
        for (int i = 0; i < count; i++)
            attempts[i] = any_attempt(i, &random);
        struct outcome_set set = all_outcomes(attempts, count);
        for (int a = 0; a <= count; a++)
            for (int l = 1; l <= count; l++) {
                const struct attempt *last = &attempts[l - 1];
                if (last->erasure ||
                    (a > 0 && (attempts[a - 1].withdrawal || attempts[a - 1].erasure)))
                    continue;
                bool expected = false; /* other attempts of this version look the same */
                for (int k = 1; k <= count; k++)
                    expected |= set.possible[a][k] && attempts[k - 1].version == last->version &&
                                attempts[k - 1].withdrawal == last->withdrawal;
                struct stored_state there =
                    stored(a == 0 ? 0 : (char)('a' + a - 1), last->version, last->withdrawal);
                assert_int_equal(check_state_is_possible(attempts, (size_t)count, &there),
                                 expected);
            }
        const struct stored_state nothing = {0};
        assert_int_equal(check_state_is_possible(attempts, (size_t)count, &nothing),
                         set.possible[0][0]);
    }
}

/* As after a quarter of an hour of faults. Trying every state takes minutes, and the test its time
 * limit. */
static void hundreds_of_unknown_attempts_are_judged_at_once(void **state)
{
    (void)state;
    enum { MANY = 400 };
    static struct attempt attempts[MANY];
    for (int i = 0; i < MANY; i++) {
        enum attempt_outcome outcome = i % 4 == 0 ? OUTCOME_OK : OUTCOME_UNKNOWN;
        int64_t version = i % 10 == 0 ? VERSION_NONE : i - i % 7;
        attempts[i] = i % 5 == 1 ? withdrawal(version, outcome) : put('a', version, outcome);
    }
    attempts[MANY - 1] = put('z', VERSION_NONE, OUTCOME_OK);
    for (int turn = 0; turn < 5; turn++)
        assert_true(check_state_is_possible(
            attempts, MANY, &(struct stored_state[]){stored('z', VERSION_NONE, false)}[0]));
}

static void reads_an_erasure(void **state)
{
    (void)state;
    struct ledger ledger;
    AUTO_BUF problem = {0};
    assert_int_equal(read_text("attempt\t1\tuser\terase\tv1\t{\"user_id\":\"u\"}\noutcome\t1\tok\n",
                               &ledger, &problem),
                     0);
    const struct ledger_key *key = ledger_find(&ledger, RECORD_USER, (struct str){0}, str_of("u"));
    assert_non_null(key);
    assert_true(key->attempts[0].erasure && key->attempts[0].valid);
    ledger_release(&ledger);
    assert_int_equal(
        read_text("attempt\t1\tevent\terase\tv1\t{\"user_id\":\"u\"}\n", &ledger, &problem),
        TIP_ESYNTAX);
    ledger_release(&ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_attempts_and_outcomes),
        cmocka_unit_test(ignores_a_torn_last_line),
        cmocka_unit_test(keeps_an_invalid_payload_apart),
        cmocka_unit_test(refuses_broken_lines),
        cmocka_unit_test(the_last_acknowledged_state_stands),
        cmocka_unit_test(the_higher_version_stands),
        cmocka_unit_test(an_unknown_attempt_may_have_come_or_not),
        cmocka_unit_test(a_withdrawal_keeps_the_attributes),
        cmocka_unit_test(an_erasure_leaves_nothing),
        cmocka_unit_test(what_is_possible_is_what_trying_out_gives),
        cmocka_unit_test(hundreds_of_unknown_attempts_are_judged_at_once),
        cmocka_unit_test(reads_an_erasure),
    };
    return RUN_TESTS(tests);
}
