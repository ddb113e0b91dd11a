/*
 * The one list of error codes. Functions return 0 for success, a negative code of this list for
 * failure, and a positive number for the end of an iteration. Callers that can say more (a field,
 * a server's message) pass it beside the code; a code alone is enough to decide what to do next.
 */
#ifndef TIPSTER_BASE_ERR_H
#define TIPSTER_BASE_ERR_H

#define TIP_ERRORS(X)                                                                              \
    X(TIP_ESYNTAX, -1, "not well-formed")                                                          \
    X(TIP_EINVAL, -2, "breaks a rule of the contract")                                             \
    X(TIP_ENOTFOUND, -3, "not found")                                                              \
    X(TIP_EAMBIGUOUS, -4, "several things answer to this name")                                    \
    X(TIP_EUNAVAIL, -5, "a server is not available; the same call may succeed later")              \
    X(TIP_ETIMEOUT, -6, "the time limit passed")                                                   \
    X(TIP_EFULL, -7, "a bounded queue is full")                                                    \
    X(TIP_EFENCED, -8, "another process has taken over")                                           \
    X(TIP_EDATA, -9, "the database refuses this row")                                              \
    X(TIP_ERETRY, -10, "the transaction was rolled back and can be repeated")                      \
    X(TIP_ECONFIG, -11, "a setting is wrong")                                                      \
    X(TIP_EIO, -12, "reading or writing failed")                                                   \
    X(TIP_EFATAL, -13, "a defect or a state that needs an operator")

enum tip_err {
    TIP_OK = 0,
#define X(name, value, text) name = value,
    TIP_ERRORS(X)
#undef X
};

/* The text for a code; "unknown error" for one that is not in the list. Never NULL. */
const char *tip_err_text(int err);

#endif
