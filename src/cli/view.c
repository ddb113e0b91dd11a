/* `tipster view`: looks into a view, which may be in use: checks it, or prints what it holds. */
#include "view/check.h"
#include "base/err.h"
#include "cli/verbs.h"
#include "view/show.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: tipster view check DIR\n"
    "       tipster view show DIR\n"
    "       tipster view show DIR user|event ID [--company ID]\n\n"
    "Looks into the view in DIR (the folder that holds data.mdb), also while it is written and "
    "read.\n"
    "check verifies everything the layout promises and prints a line for each contradiction; exit "
    "code 1 when\n"
    "there is one. show prints the view's head, or what it holds of a user or an event of a "
    "company "
    "(by\n"
    "default that of ANONYMOUS_COMPANY).\n\n"
    "Example:\n  tipster view show .run/view/current user u-17\n";

static int explain(const char *dir, int err)
{
    if (err == TIP_ENOTFOUND)
        fprintf(stderr, "tipster view: there is no view in %s\n", dir);
    else if (err == TIP_EINVAL)
        fprintf(stderr, "tipster view: not a view that this program reads (another layout?): %s\n",
                dir);
    else
        fprintf(stderr, "tipster view: cannot read the view in %s: %s\n", dir, tip_err_text(err));
    return EXIT_FAILED;
}

static int check(const char *dir)
{
    struct view_check_report report = {0};
    int err = view_check(dir, &report);
    if (err != 0) {
        view_check_release(&report);
        return explain(dir, err);
    }
    fwrite(report.text.data, 1, report.text.len, stdout);
    if (report.problems > VIEW_CHECK_TEXTS_MAX)
        printf("… and %zu more\n", report.problems - VIEW_CHECK_TEXTS_MAX);
    printf("%zu events (%zu listed), %zu users, %zu coupons, %zu selections: %zu problems\n",
           report.events, report.listed, report.users, report.coupons, report.selections,
           report.problems);
    int code = report.problems == 0 ? EXIT_DONE : EXIT_FAILED;
    view_check_release(&report);
    return code;
}

static int show(const char *dir, const char *kind, const char *id, const char *company)
{
    AUTO_BUF text = {0};
    int err;
    if (kind == NULL)
        err = view_show_head(dir, &text);
    else if (strcmp(kind, "user") == 0)
        err = view_show_user(dir, str_of(company), str_of(id), &text);
    else
        err = view_show_event(dir, str_of(company), str_of(id), &text);
    if (err == TIP_ENOTFOUND && kind != NULL) {
        fprintf(stderr, "tipster view: no %s '%s' of company '%s' in the view in %s\n", kind, id,
                company, dir);
        return EXIT_FAILED;
    }
    if (err != 0)
        return explain(dir, err);
    fwrite(text.data, 1, text.len, stdout);
    return EXIT_DONE;
}

static int wrong_use(void)
{
    fputs(help, stderr);
    return EXIT_USAGE;
}

int verb_view(int argc, char **argv, const struct config *config)
{
    static const struct option options[] = {{"company", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *company = config->anonymous_company;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'h') {
            fputs(help, stdout);
            return EXIT_DONE;
        }
        if (option != 'c')
            return wrong_use();
        company = optarg;
    }
    int words = argc - optind;
    char **word = argv + optind;
    if (words == 2 && strcmp(word[0], "check") == 0)
        return check(word[1]);
    if (words == 2 && strcmp(word[0], "show") == 0)
        return show(word[1], NULL, NULL, NULL);
    if (words != 4 || strcmp(word[0], "show") != 0 ||
        (strcmp(word[2], "user") != 0 && strcmp(word[2], "event") != 0))
        return wrong_use();
    if (*company == '\0') {
        fputs("tipster view: --company is missing (and ANONYMOUS_COMPANY is not set)\n", stderr);
        return EXIT_USAGE;
    }
    return show(word[1], word[2], word[3], company);
}
