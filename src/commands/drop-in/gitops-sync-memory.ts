/**
 * A pass that read and wrote ten thousand manifests leaves 430 MB behind, of which 25 MB are in use; V8
 * would keep the room for the next such pass, which may be months away. Asking once gives half of it
 * back (Node 24.21, 2026-11: 480 → 225 MB resident, 100 ms).
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export function giveMemoryBack(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as ((options: object) => void) | undefined
  collect?.({ type: 'major', flavor: 'last-resort' })
}
