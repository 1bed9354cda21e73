/** Which stages a push may be of. In doubt it is: a look too many costs a request, one too few a deploy. */
import type { Stage } from '../model.ts'
import type { ImageRegistry } from '../registry-types/image-registry.ts'
import { isArtefact } from '../tags/artefacts.ts'
import { matches, parsePattern } from '../tags/pattern.ts'
import type { Push } from './sender.ts'

/** What must be known of a registry for it. */
export type Home = Pick<ImageRegistry, 'name' | 'type' | 'host' | 'abilities'>

export type Match = (push: Pick<Push, 'repository' | 'tag'>) => readonly Stage[]

const dockerHosts = ['docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'] as const

/** For one delivery: stages may be others for the next. */
export function createMatch(home: Home, stages: readonly Stage[]): Match {
  const here = stages.filter(({ registry }) => registry === home.name)
  const byName = Map.groupBy(here, ({ image }) => nameOf(home, image))
  return ({ repository, tag }) => {
    const named = namesOf(home, repository).flatMap((name) => byName.get(name) ?? [])
    return tag === null ? named : named.filter((stage) => mayFollow(home, stage, tag))
  }
}

/** The repository as it was said, and without what may be a host before it. */
function namesOf(home: Home, said: string): readonly string[] {
  const slash = said.indexOf('/')
  const names = [nameOf(home, said)]
  if (slash > 0 && mayBeHost(home, said.slice(0, slash))) names.push(nameOf(home, said.slice(slash + 1)))
  return [...new Set(names)]
}

/** Whatever host it is: a registry may go by another name inside its own network. */
function mayBeHost(home: Home, part: string): boolean {
  return part.toLowerCase() === home.host.toLowerCase() || /[.:]/.test(part) || part === 'localhost'
}

/** One spelling for all that mean the same. */
function nameOf({ type, abilities }: Home, image: string): string {
  const name = abilities.foldsCase ? image.toLowerCase() : image
  if (type !== 'dockerhub') return name
  const host = dockerHosts.find((one) => name.startsWith(`${one}/`))
  const bare = host === undefined ? name : name.slice(host.length + 1)
  return bare.includes('/') ? bare : `library/${bare}`
}

/** `latest`, and whatever else only counts beside others, is left to the look. */
function mayFollow({ abilities }: Home, { selection }: Stage, tag: string): boolean {
  if (isArtefact(tag)) return false
  const parsed = parsePattern(selection.tags)
  return 'fault' in parsed || matches(parsed.pattern, tag, abilities)
}
