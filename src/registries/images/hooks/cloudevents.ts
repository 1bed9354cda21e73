/**
 * CloudEvents 1.0, structured or binary, of whatever registry: what they hold is not agreed on, so what is pushed is
 * looked for where ECR (by EventBridge), Google's and Azure's registries and Harbor have it, and in the subject.
 * Signed as Standard Webhooks says, or as GitHub signs.
 */
import { isSigned, isStandardSigned } from '../../../connectors/webhook/verify.ts'
import { mediaTypeOf } from '../../../kernel/route.ts'
import { fieldsOf, headerOf, referenceOf, textOf } from './fields.ts'
import { resourcesOf } from './harbor.ts'
import { isDigest, nothing, pushed, type Fields, type Headers, type Sender } from './sender.ts'

export const cloudevents: Sender = {
  type: 'cloudevents',
  sent: (headers) =>
    mediaTypeOf(headers['content-type']) === 'application/cloudevents+json' || headerOf(headers, 'ce-type') !== '',
  wrote: (body) => textOf(body['specversion']) !== null && textOf(body['type']) !== null,
  isSigned({ headers, body }, secrets, now) {
    const [id, timestamp, signature] = ['id', 'timestamp', 'signature'].map((name) =>
      headerOf(headers, `webhook-${name}`),
    )
    if (signature !== '') {
      return isStandardSigned(body, { id: id!, timestamp: timestamp!, signature: signature! }, secrets, now)
    }
    return isSigned(body, [headerOf(headers, 'x-hub-signature-256').replace(/^sha256=/, '')], secrets)
  },
  read(body, headers) {
    const { id: own, source, type, subject, data } = eventOf(body, headers)
    // Ids are unique within a source.
    const id = own === null ? null : `${source ?? ''} ${own}`
    const detail = 'detail' in data ? fieldsOf(data['detail']) : data
    if (isOther(type, detail)) return nothing(id)
    if ('resources' in detail) return { id, ...resourcesOf(detail) }
    const found = placeOf(detail, subject)
    if (found === null || (found.tag !== null && isDigest(found.tag))) return nothing(id)
    return pushed(id, found.repository, found.tag)
  },
}

interface CloudEvent {
  readonly id: string | null
  readonly source: string | null
  readonly type: string | null
  readonly subject: string | null
  readonly data: Fields
}

function eventOf(body: Fields, headers: Headers): CloudEvent {
  const isBinary = headerOf(headers, 'ce-type') !== ''
  const attribute = (name: string) => textOf(isBinary ? headerOf(headers, `ce-${name}`) : body[name])
  return {
    id: attribute('id'),
    source: attribute('source'),
    type: attribute('type'),
    subject: attribute('subject'),
    data: isBinary ? body : fieldsOf(body['data']),
  }
}

/** What says to be something else than a push. What does not say is worth a look. */
function isOther(type: string | null, data: Fields): boolean {
  const said = [type, ...['action', 'actionType', 'action-type', 'result'].map((name) => textOf(data[name]))]
  return said.some((word) => word !== null && /delet|remov|untag|pull|scan|fail/i.test(word))
}

function placeOf(data: Fields, subject: string | null): { repository: string; tag: string | null } | null {
  const target = 'target' in data ? fieldsOf(data['target']) : data
  const one = (...names: string[]) => names.map((name) => textOf(target[name])).find((text) => text !== null) ?? null
  const tag = one('imageTag', 'image-tag', 'image_tag', 'tag')
  // Google's holds all of it.
  if (tag !== null && tag.includes('/')) return referenceOf(tag)
  const repository = one('repositoryName', 'repository-name', 'repository_name', 'repository')
  if (repository !== null) return { repository, tag }
  const reference = one('image') ?? subject
  if (reference === null) return null
  const found = referenceOf(reference)
  // By its digest alone: it has no tag, or is a part of an index.
  if (found.tag === null && tag === null && reference.includes('@')) return null
  return { repository: found.repository, tag: tag ?? found.tag }
}
