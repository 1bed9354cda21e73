/** All that is asked of the docker deployer, on Podman and killed after each call. Run by `npm run prove -- images docker`. */
import { dockerKills } from '../../src/registries/images/deploy/testing/docker-kills.ts'
import { podmanDeploys } from '../../src/registries/images/deploy/testing/docker-podman.ts'

dockerKills(1)
await podmanDeploys()
