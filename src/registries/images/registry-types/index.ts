/** The types of image registries. Adding one: a file beside this, its name in config.ts, and a line here. */
import type { RegistryType } from './config.ts'
import { openDockerHub } from './dockerhub.ts'
import { openGitea } from './gitea.ts'
import { openGitHub } from './github.ts'
import { openOci } from './oci.ts'
import type { OpenType } from './type.ts'

const types: Readonly<Record<RegistryType, OpenType>> = {
  gitea: openGitea,
  forgejo: openGitea,
  github: openGitHub,
  dockerhub: openDockerHub,
  oci: openOci,
}

export const openImageRegistry: OpenType = (name, settings, parts) => types[settings.type](name, settings, parts)
