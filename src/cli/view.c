/* `tipster view`: looks into a view, which may be in use: checks it, or prints what it holds. */
#include "view/check.h"
#include "base/err.h"
#include "cli/verbs.h"
#include "view/show.h"

#include <stdio.h>
#include <string.h>

static int explain(const char *dir, int err)
{
    if (err == TIP_ENOTFOUND)
        fprintf(stderr,
                "tipster view: there is no view (data.mdb) in %s; a node's is VIEW_DIR/current\n",
                dir);
    else if (err == TIP_EINVAL)
        fprintf(stderr, "tipster view: not a view that this program reads (another layout?): %s\n",
                dir);
    else
        fprintf(stderr, "tipster view: cannot read the view in %s: %s\n", dir, tip_err_text(err));
    return EXIT_FAILED;
}

/* The same as JSON; each problem is a line of the report's text. */
static void print_json(const struct view_check_report *report)
{
    AUTO_BUF out = {0};
    const char *text = report->text.data, *end = text + report->text.len;
    buf_addf(&out,
             "{\"events\":%zu,\"listed\":%zu,\"users\":%zu,\"coupons\":%zu,\"selections\":%zu,"
             "\"problems\":%zu,\"shown\":[",
             report->events, report->listed, report->users, report->coupons, report->selections,
             report->problems);
    for (const char *from = text; from < end;) {
        const char *newline = memchr(from, '\n', (size_t)(end - from));
        const char *to = newline != NULL ? newline : end;
        buf_add_text(&out, from > text ? "," : "");
        buf_add_json(&out, str_from(from, (size_t)(to - from)));
        from = to + 1;
    }
    buf_add_text(&out, "]}");
    puts(buf_cstr(&out));
}

static void print_text(const struct view_check_report *report)
{
    fwrite(report->text.data, 1, report->text.len, stdout);
    if (report->problems > VIEW_CHECK_TEXTS_MAX)
        printf("… and %zu more\n", report->problems - VIEW_CHECK_TEXTS_MAX);
    printf("%zu events (%zu listed), %zu users, %zu coupons, %zu selections: %zu problems\n",
           report->events, report->listed, report->users, report->coupons, report->selections,
           report->problems);
}

static int check(const char *dir, bool json)
{
    struct view_check_report report = {0};
    int err = view_check(dir, &report);
    if (err != 0) {
        view_check_release(&report);
        return explain(dir, err);
    }
    (json ? print_json : print_text)(&report);
    int code = report.problems == 0 ? EXIT_DONE : EXIT_FAILED;
    view_check_release(&report);
    return code;
}

static int show(const char *dir, const char *kind, const char *id, const char *company, bool json)
{
    AUTO_BUF text = {0}, head = {0};
    int err;
    if (kind == NULL)
        err = view_show_head(dir, json, &text);
    else if (strcmp(kind, "user") == 0)
        err = view_show_user(dir, str_of(company), str_of(id), json, &text);
    else
        err = view_show_event(dir, str_of(company), str_of(id), json, &text);
    if (err == TIP_ENOTFOUND && kind != NULL && view_show_head(dir, false, &head) == 0) {
        fprintf(stderr, "tipster view: no %s '%s' of company '%s' in the view in %s\n", kind, id,
                company, dir);
        return EXIT_FAILED;
    }
    if (err != 0)
        return explain(dir, err);
    fwrite(text.data, 1, text.len, stdout);
    return EXIT_DONE;
}

static int run(struct command_line *line, const struct config *config)
{
    const char *company = config->anonymous_company, *value;
    bool json = false;
    for (int option; (option = command_next(line, &value)) != COMMAND_END;) {
        if (option == 'c')
            company = value;
        else if (option == 'j')
            json = true;
        else
            return EXIT_USAGE;
    }
    char **words = command_arguments(line);
    size_t count = command_argument_count(line);
    if (strcmp(line->action->name, "check") == 0)
        return check(words[0], json);
    if (count == 1)
        return show(words[0], NULL, NULL, NULL, json);
    if (count != 3 || (strcmp(words[1], "user") != 0 && strcmp(words[1], "event") != 0))
        return command_wrong(&command_view, "show takes DIR, or DIR user|event ID");
    if (*company == '\0')
        return command_wrong(&command_view,
                             "--company is missing (and ANONYMOUS_COMPANY is not set)");
    return show(words[0], words[1], words[2], company, json);
}

static const struct command_action actions[] = {
    {"check", "DIR",
     "verifies everything the layout promises and prints a line for each contradiction", 1, 1},
    {"show", "DIR [user|event ID]",
     "prints the view's head, or what it holds of a user or an event", 1, 3},
    {0},
};

static const struct command_option options[] = {
    {'c', "company", "ID", "whose user or event it is (ANONYMOUS_COMPANY)", "show"},
    {'j', "json", NULL, "the result as one JSON object on standard output"},
    {0},
};

static const struct command_exit exits[] = {
    {EXIT_DONE, "done; check: nothing is wrong"},
    {EXIT_FAILED, "check: something is wrong; show: it is not there; or there is no such view"},
    {EXIT_USAGE, "wrong use or a wrong setting"},
    {0, NULL},
};

const struct command command_view = {
    .name = "view",
    .summary = "Look into a node's view: check it, or show what it holds.",
    .description = "Looks into the view in DIR (the folder that holds data.mdb), also while it is "
                   "written and read.",
    .actions = actions,
    .completion = COMPLETE_FOLDERS,
    .options = options,
    .exits = exits,
    .examples = "tipster view check .run/view/current\n"
                "tipster view show .run/view/current user u-17\n"
                "tipster view show .run/view/current --json | jq .heartbeat",
    .run = run,
};
