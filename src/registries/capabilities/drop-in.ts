/** What the drop-in command of the original needs of this registry, without the schema of the configuration file. */
export { createEtcd } from '../../connectors/etcd/client.ts'
export type { Capability } from './model.ts'
export { standardGlob, standardInventory, standardPrefix } from './standards.ts'
export { createDirectorySource } from './source-directory.ts'
export { createKeyValueTarget } from './target-key-value.ts'
