/* Texts for the error codes of err.h. */
#include "base/err.h"

const char *tip_err_text(int err)
{
    switch (err) {
    case TIP_OK:
        return "success";
#define X(name, value, text)                                                                       \
    case name:                                                                                     \
        return text;
        TIP_ERRORS(X)
#undef X
    default:
        return "unknown error";
    }
}
