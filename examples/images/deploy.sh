#!/bin/sh
# What brings a version to a stage. Here a file says what runs there; yours calls what you deploy with.
set -eu
echo "deploying $DEPLOY_IMAGE"
case $DEPLOY_TAG in
  *-broken) echo "it does not come up"; exit 1 ;;
esac
mkdir -p running
echo "$DEPLOY_TAG" > "running/$DEPLOY_PROJECT-$DEPLOY_STAGE"
