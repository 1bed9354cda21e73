/**
 * Why the loop decided what it decided. The same constant reaches the log, the event, the API and
 * the dashboard; docs/reasons.md explains each to an operator.
 */
export const reasons = {
  // why a pass runs
  'interval': 'the interval passed',
  'cron': 'the schedule said so',
  'hint': 'something outside said that it changed',
  'start': 'the process started',
  'asked': 'a person asked for it',
  'confirm': 'an absence waits for its second look',
  'retry': 'the pass before it failed',
  'due': 'a delivery is due again',
  'journal': 'the ledger moved',

  // why a key is as it is
  'source-unavailable': 'the source could not be read; last known good stays',
  'trouble': 'the entry or its file could not be read; last known good stays',
  'duplicate': 'the source lists the key twice; the first one counts',
  'unknown-stamp': 'the source says unchanged of a key that was never read',
  'unstorable': 'its key or label is nothing that the ledger can store',
  'absent': 'not found in complete looks',
  'gone': 'the source vouched that it is gone',
  'scope-gone': 'the scope above no longer lists its scope',
  'forgotten': 'a person let go of the scope that the config no longer names',

  // why a change waits
  'removal-budget': 'more removals at once than the removal budget allows',
  'source-empty': 'the source is empty; nothing is removed for that until a person agrees',
  'first-sight': 'the target held something else before it was ever written by us',
  'drift-reported': 'the target drifted and the policy is to report it',
  'contested': 'somebody else keeps undoing it; it is written again, less and less often',
  'outcome-unknown': 'sent, and nobody can tell whether it arrived; a person must look',
  'paused': 'the sync is paused',
  'approval': 'waits for approval',
  'window': 'outside the maintenance window',
  'never-down': 'would go to an older version',

  // what became of it
  'target-unavailable': 'the target does not answer',
  'circuit-open': 'the target failed repeatedly and is left alone for a while',
  'busy': 'an earlier round with the target still runs',
  'no-outcome': 'the target gave no outcome for the key',
  'refused': 'the target refused it',
  'adopted': 'the target already held it',
  'drifted': 'the target no longer holds what it acknowledged',
  'drift-kept':
    'the target no longer holds what it acknowledged, and the policy is to leave it so until the entry changes',
  'identity-changed': 'the target is no longer the same thing',
  'fingerprint-changed': 'its configuration or renderer changed',
  'orphaned': 'taken out of the configuration; kept until forgotten',
  'degraded': 'the journal cannot be written',
} as const

/** One of the constants above, or one of a registry's own (same form: lower-case words joined by '-'). */
export type Reason = keyof typeof reasons | (string & {})
