/** Harbor, in both formats of its payload, and as version 1 sent it. It may tell of one index several times. */
import { fieldsOf, listOf, referenceOf, textOf } from './fields.ts'
import { isDigest, type Fields, type Push, type Said, type Sender } from './sender.ts'

const pushTypes: readonly unknown[] = ['PUSH_ARTIFACT', 'pushImage', 'harbor.artifact.pushed']

export const harbor: Sender = {
  type: 'harbor',
  sent: () => false,
  wrote: (body) => 'event_data' in body || (textOf(body['type'])?.startsWith('harbor.') ?? false),
  read(body) {
    const isCloudEvent = 'specversion' in body
    const id = isCloudEvent ? textOf(body['id']) : null
    const data = fieldsOf(body[isCloudEvent ? 'data' : 'event_data'])
    const said = resourcesOf(data)
    if (pushTypes.includes(body['type'])) return { id, ...said }
    return { id, pushes: [], ignored: Math.max(1, said.pushes.length + said.ignored) }
  },
}

export function resourcesOf({ resources, repository }: Fields): Pick<Said, 'pushes' | 'ignored'> {
  const { repo_full_name: full, namespace, name } = fieldsOf(repository)
  const [of, image] = [textOf(namespace), textOf(name)]
  const known = textOf(full) ?? (of === null || image === null ? null : `${of}/${image}`)
  const all = listOf(resources).map((resource) => pushOf(fieldsOf(resource), known))
  const pushes = all.filter((push) => push !== null)
  return { pushes, ignored: all.length === 0 ? 1 : all.length - pushes.length }
}

function pushOf({ tag, resource_url: url }: Fields, known: string | null): Push | null {
  const named = textOf(tag)
  const repository = known ?? referenceOf(textOf(url) ?? '').repository
  return named === null || isDigest(named) || repository === '' ? null : { id: null, repository, tag: named }
}
