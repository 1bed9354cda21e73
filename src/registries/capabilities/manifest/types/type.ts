/** What one type of capability is made of. A new type is a file beside this one and a line in index.ts. */
import type { JsonObject } from '../../../../kernel/json.ts'

export interface CapabilityType {
  /** What the `type` key holds. */
  readonly name: string
  /** The field, at the top or in `spec`, that makes a manifest one of this type. */
  readonly block: string
  /** What `metadata.dc_type` says, and the only way to tell where there is no block. */
  readonly dcType: string
  /** The only `metadata.dc_format` that the schema allows. */
  readonly format: string
  /** By the name of the required type: which relationships `requires` may name. */
  readonly mayRequire: Readonly<Record<string, readonly string[]>>
  /** The same for types whose own file does not know this one. */
  readonly mayBeRequiredBy?: Readonly<Record<string, readonly string[]>>
  /** JSON Schema of the block as manifests have it at the top. Each description completes "must be …". */
  readonly flat: JsonObject
  /** JSON Schema of `spec`, as the schema of the original's project wants it. */
  readonly spec: JsonObject
}
