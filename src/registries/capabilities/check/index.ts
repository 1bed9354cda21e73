/** Checking manifests: what commands and the registry itself use of it. */
export { checkManifests, groupsOf, type Checked, type Group } from './check-manifests.ts'
export { checkFolders, groupsOfFolders, type SyncFolder } from './check-config.ts'
export type { FilePlace, ManifestFinding } from './finding.ts'
export { ruleTable, type Level, type Profile, type Rule, type RuleId } from './rules.ts'
