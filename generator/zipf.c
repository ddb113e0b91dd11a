/* Zipf's law in integers; see zipf.h. */
#include "generator/zipf.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

void zipf_init(struct zipf *zipf, size_t max)
{
    zipf->sums = xcalloc(max + 1, sizeof(*zipf->sums));
    zipf->max = max;
    for (size_t k = 1; k <= max; k++)
        zipf->sums[k] = zipf->sums[k - 1] + (UINT64_C(1) << 40) / k;
}

void zipf_release(struct zipf *zipf)
{
    free(zipf->sums);
    *zipf = (struct zipf){0};
}

size_t zipf_pick(const struct zipf *zipf, struct random_source *random, size_t count)
{
    assert(count > 0 && count <= zipf->max);
    uint64_t wanted = random_below(random, zipf->sums[count]);
    size_t low = 0, high = count - 1; /* the first rank whose sum is above wanted */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (zipf->sums[middle + 1] > wanted)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
