/* Memory that all processes of the server share: made in the parent, before the fork. */
#ifndef TIPSTER_HTTP_SHARED_H
#define TIPSTER_HTTP_SHARED_H

#include <stddef.h>

/* Zeroed; never freed. Ends the process when there is none. */
void *shared_new(size_t size_bytes);

#endif
