/**
 * Tags that are no images but belong to one: signatures, attestations, bills of materials. cosign writes them beside
 * the image, under the digest that they are about.
 */

const endings = ['.sig', '.att', '.sbom'] as const
const aboutDigest = /^sha256-[0-9a-f]{64}$/

export function isArtefact(tag: string): boolean {
  return endings.some((ending) => tag.endsWith(ending)) || aboutDigest.test(tag)
}
