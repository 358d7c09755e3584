declare module "cluster-key-slot" {
  /** The slot of a Cluster, 0 to 16,383, that a key or a channel belongs to. */
  export default function calculateSlot(key: string): number;
}
