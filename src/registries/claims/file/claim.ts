/** What a registry file says, and what may be changed in it. */
export type Layout =
  /** `cluster: [entries]`, the one that machinery-status-collector writes. */
  | 'cluster-map'
  /** `kind: ClaimRegistry`, a list that names no clusters. */
  | 'claim-registry'
  /** `kind: ClaimStatuses`, our own: statuses of the entries of another file. */
  | 'sidecar'

export const settable = ['status', 'statusMessage', 'lastCheckedAt'] as const
export type Settable = (typeof settable)[number]

/** What names an entry. */
export interface ClaimNames {
  /** null: the file does not say. */
  readonly cluster: string | null
  readonly name: string
  readonly namespace: string
  readonly claimRef: string | null
}

/** One entry. Texts are as they are written, without their quotes; null: not there, or YAML's null. */
export interface RegistryClaim extends ClaimNames {
  readonly template: string | null
  /** Of its manifest, in the same repository. */
  readonly path: string | null
  readonly status: string | null
  readonly statusMessage: string | null
  readonly lastCheckedAt: string | null
  /** Where the entry begins, from 1. */
  readonly line: number
  /** Why it cannot be edited without changing something else; null: it can. */
  readonly locked: { readonly set: string | null; readonly remove: string | null }
}

export type ClaimFields = Readonly<Partial<Record<Settable, string>>>

export type ClaimEdit =
  | { readonly claim: RegistryClaim; readonly set: ClaimFields }
  | { readonly claim: RegistryClaim; readonly remove: true }
  /** Only in a sidecar. */
  | { readonly add: ClaimNames; readonly set: ClaimFields }
