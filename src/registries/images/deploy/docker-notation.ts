/** The short forms of ports, volumes and sizes, as the command line of Docker and Compose files write them. */

export interface PortMapping {
  /** '' : on every address of the host. */
  readonly hostIp: string
  readonly hostPort: number
  /** `80/tcp`. */
  readonly inside: string
}

/** null: none. The host's port has to be there: one that the engine chooses would be another for each version. */
export function parsePort(text: string): PortMapping | null {
  const found = /^(?:(\[[0-9a-fA-F:.]+\]|\d{1,3}(?:\.\d{1,3}){3}):)?(\d{1,5}):(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(
    text,
  )
  if (found === null) return null
  const [hostPort, inside] = [Number(found[2]), Number(found[3])]
  if (![hostPort, inside].every((port) => port >= 1 && port <= 65_535)) return null
  return { hostIp: (found[1] ?? '').replaceAll(/[[\]]/g, ''), hostPort, inside: `${inside}/${found[4] ?? 'tcp'}` }
}

/** As the engine takes it in `Binds`: a folder of the host or the name of a volume, the path inside, options. */
export function parseVolume(text: string): { readonly from: string; readonly to: string } | null {
  const found = /^(\/[^:]*|(?:[A-Za-z0-9]|\{project\}|\{stage\})[^:/]*):(\/[^:]*)(?::[A-Za-z,]+)?$/.exec(text)
  return found && { from: found[1]!, to: found[2]! }
}

const units: Readonly<Record<string, number>> = {
  '': 1,
  'b': 1,
  'k': 1 << 10,
  'm': 1 << 20,
  'g': 1 << 30,
  't': 2 ** 40,
}

/** `256m` → bytes. */
export function parseSize(text: string): number | null {
  const found = /^(\d{1,15})([bkmgt]?)b?$/i.exec(text.trim())
  const bytes = found && Number(found[1]) * units[found[2]!.toLowerCase()]!
  return bytes !== null && Number.isSafeInteger(bytes) && bytes > 0 ? bytes : null
}
