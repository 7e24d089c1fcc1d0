/** Keys of our advisory locks. All are held to the end of a transaction at most, never by a session. */
export const LOCK = {
  /** "post" in ASCII, then a number: another program's keys in the same database are others. */
  migrate: 0x70_6f_73_74_01,
  partitions: 0x70_6f_73_74_02,
} as const;
