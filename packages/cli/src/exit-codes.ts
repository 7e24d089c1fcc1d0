/** Exit codes, after sysexits.h. */
export const EXIT_USAGE = 64;
export const EXIT_SOFTWARE = 70;
