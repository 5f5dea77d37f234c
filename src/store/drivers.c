/* Every storage engine there is. */
#include "store/driver.h"

const struct store_driver *const store_drivers[] = {
	&store_driver_embedded,
	&store_driver_postgres,
	&store_driver_memory,
	NULL,
};
