/* What every cmocka test includes, in the order that cmocka wants. */
#ifndef TIPSTER_TESTS_UNIT_H
#define TIPSTER_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RUN_TESTS(tests) cmocka_run_group_tests(tests, NULL, NULL)

#endif
