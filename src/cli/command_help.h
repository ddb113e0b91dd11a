/* A verb's table as text for people: `tipster VERB --help`, and the list of verbs. */
#ifndef TIPSTER_CLI_COMMAND_HELP_H
#define TIPSTER_CLI_COMMAND_HELP_H

#include "cli/command.h"

void command_print_help(const struct command *command, FILE *out);
void command_print_list(FILE *out);

/*
 * Calls each line of use with the words behind "tipster": one per action, or one. "[OPTION…]"
 * stands for more options than fit a line.
 */
typedef void command_usage_fn(void *context, const char *words);
void command_usages(const struct command *command, command_usage_fn *each, void *context);

#endif
