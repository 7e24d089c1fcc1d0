/** A condition on a table with `environment_id`: of no environment that is deleted. There are few, mostly none. */
export const IN_LIVING = "environment_id NOT IN (SELECT id FROM environment WHERE deleted = 1)";
