/* `tipster doctor`: the usual mistakes, each looked for, with what to do; see doctor.h. */
#include "cli/doctor.h"

#include "base/log.h"
#include "cli/terminal.h"
#include "cli/verbs.h"

#include <assert.h>

static const struct {
    const char *word, *json;
    enum colour colour;
} verdicts[VERDICTS] = {
    [VERDICT_OK] = {"ok", "ok", COLOUR_GREEN},
    [VERDICT_WARN] = {"warn", "warn", COLOUR_YELLOW},
    [VERDICT_FAIL] = {"FAIL", "fail", COLOUR_RED},
};

/* In the order in which they are told. */
static void (*const checks[])(struct doctor *doctor) = {
    doctor_programs, doctor_libraries, doctor_database,
    doctor_schema,   doctor_company,   doctor_database_settings,
    doctor_kafka,    doctor_topics,    doctor_ports,
    doctor_disks,    doctor_files,
};

struct buf *doctor_note(struct doctor *doctor, const char *name, enum verdict verdict,
                        const char *remedy)
{
    assert(doctor->count < DOCTOR_FINDINGS_MAX);
    struct diagnosis *finding = &doctor->findings[doctor->count++];
    *finding = (struct diagnosis){
        .name = name, .verdict = verdict, .remedy = verdict != VERDICT_OK ? remedy : NULL};
    return &finding->detail;
}

/* False when the rest makes no sense. */
static bool read_settings(struct doctor *doctor)
{
    const char *file = settings_file();
    AUTO_BUF problem = {0};
    if (config_load(file, &doctor->config, &problem) != 0) {
        buf_add_str(doctor_note(doctor, "settings", VERDICT_FAIL,
                                "correct it: `tipster config` lists all of them; nothing else was "
                                "looked at"),
                    buf_str(&problem));
        return false;
    }
    buf_addf(doctor_note(doctor, "settings", VERDICT_OK, NULL), "can be read%s%s",
             file != NULL ? ", also those of " : " (from the environment alone)",
             file != NULL ? file : "");
    return true;
}

static void print_text(const struct doctor *doctor, const size_t counts[VERDICTS])
{
    for (size_t i = 0; i < doctor->count; i++) {
        const struct diagnosis *finding = &doctor->findings[i];
        terminal_print(stdout, verdicts[finding->verdict].colour, verdicts[finding->verdict].word,
                       6);
        printf("%-22s%.*s\n", finding->name, (int)finding->detail.len, finding->detail.data);
        if (finding->remedy != NULL)
            printf("%28s-> %s\n", "", finding->remedy);
    }
    printf("\n%zu ok, %zu to think about, %zu wrong\n", counts[VERDICT_OK], counts[VERDICT_WARN],
           counts[VERDICT_FAIL]);
}

static void print_json(const struct doctor *doctor, const size_t counts[VERDICTS])
{
    AUTO_BUF out = {0};
    buf_addf(&out, "{\"ok\":%zu,\"warn\":%zu,\"fail\":%zu,\"checks\":[", counts[VERDICT_OK],
             counts[VERDICT_WARN], counts[VERDICT_FAIL]);
    for (size_t i = 0; i < doctor->count; i++) {
        const struct diagnosis *finding = &doctor->findings[i];
        buf_addf(&out, "%s{\"check\":\"%s\",\"verdict\":\"%s\",\"detail\":", i > 0 ? "," : "",
                 finding->name, verdicts[finding->verdict].json);
        buf_add_json(&out, buf_str(&finding->detail));
        buf_add_text(&out, ",\"remedy\":");
        if (finding->remedy != NULL)
            buf_add_json(&out, str_of(finding->remedy));
        else
            buf_add_text(&out, "null");
        buf_add_char(&out, '}');
    }
    buf_add_text(&out, "]}");
    puts(buf_cstr(&out));
}

static void release(struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->count; i++)
        buf_release(&doctor->findings[i].detail);
    db_close(doctor->db);
    config_release(&doctor->config);
}

static int run(struct command_line *line, const struct config *config)
{
    struct doctor doctor = {0};
    size_t counts[VERDICTS] = {0};
    bool json = false;
    const char *value;
    (void)config; /* they may be what is wrong */
    for (int option; (option = command_next(line, &value)) != COMMAND_END;) {
        if (option != 'j')
            return EXIT_USAGE;
        json = true;
    }
    log_setup(LOG_LEVEL_ERROR, false); /* what is away is a finding, not a log line */
    if (read_settings(&doctor))
        for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
            checks[i](&doctor);
    for (size_t i = 0; i < doctor.count; i++)
        counts[doctor.findings[i].verdict]++;
    (json ? print_json : print_text)(&doctor, counts);
    release(&doctor);
    return counts[VERDICT_FAIL] > 0 ? EXIT_FAILED : EXIT_DONE;
}

static const struct command_option known_options[] = {
    {'j', "json", NULL, "the findings as one JSON object on standard output"},
    {0},
};

static const struct command_exit exits[] = {
    {EXIT_DONE, "nothing is wrong (there may be things to think about)"},
    {EXIT_FAILED, "something is wrong"},
    {EXIT_USAGE, "wrong use"},
    {0, NULL},
};

const struct command command_doctor = {
    .name = "doctor",
    .summary = "Find the usual mistakes and say what to do about them.",
    .description =
        "Looks for the usual mistakes, changes nothing, and says of each what to do: settings that "
        "cannot be read; the database: reachable, credentials, version, schema, character set, "
        "clock, connections, durability; Kafka: reachable, topics, partitions, retention, "
        "timestamps, copies, clock; ports that are taken; disks; open files; versions. Run it as "
        "the user and with the settings of the processes.",
    .options = known_options,
    .exits = exits,
    .examples = "tipster --env /etc/tipster/tipster.env doctor\n"
                "tipster doctor --json | jq '.checks[] | select(.verdict != \"ok\")'",
    .without_settings = true,
    .run = run,
};
