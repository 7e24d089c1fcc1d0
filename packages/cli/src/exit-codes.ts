/** It ended, and something is left to do by hand. */
export const EXIT_PARTLY = 3;
/** Exit codes, after sysexits.h. */
export const EXIT_USAGE = 64;
export const EXIT_SOFTWARE = 70;
