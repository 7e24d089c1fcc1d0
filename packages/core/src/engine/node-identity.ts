/** Who this process is to the store. Constant on a store that one process uses; see `Membership` for many. */
export interface NodeIdentity {
  /** What deliveries are leased with from now on. */
  readonly leaseId: string;
  /** False while this process has no lease that holds: it leases and claims nothing then. */
  readonly active: boolean;
  /** Leases may have been written under this id that this process does not know of. */
  doubt(leaseId: string): void;
  /** The store said that the lease of this id holds no longer. */
  suspect(leaseId: string): void;
}

/** The only process on its store: its lease always holds. */
export function soleNode(leaseId: string): NodeIdentity {
  return { leaseId, active: true, doubt() {}, suspect() {} };
}
