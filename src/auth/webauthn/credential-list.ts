import { type Authenticator, type CeremonyOptions, type CredentialDescriptor, isCtapError } from '../../hid/index.ts'

/** Room in a request for all but the list; and for each descriptor beside its id. In bytes. */
const requestOverhead = 512
const descriptorOverhead = 24
const hashLength = 32

/** `list` in parts that the key takes in one request. */
function partsFor(key: Authenticator, list: readonly CredentialDescriptor[]): CredentialDescriptor[][] {
  const { maxCredentialCountInList = list.length, maxMsgSize } = key.info
  const parts: CredentialDescriptor[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const descriptor of list) {
    const size = descriptor.id.length + descriptorOverhead
    const part = parts.at(-1)
    if (part && part.length < maxCredentialCountInList && bytes + size <= maxMsgSize - requestOverhead) {
      part.push(descriptor)
      bytes += size
    } else {
      parts.push([descriptor])
      bytes = size
    }
  }
  return parts
}

/**
 * The part of `list` to send to `key`. A list that is longer than the key takes is tried part by part, without a
 * touch, for a credential that the key knows (CTAP 2.1 section 6.1.2, "pre-flight").
 * @returns an empty list when the key knows none, or can know none.
 */
export async function knownPart(
  key: Authenticator,
  rpId: string,
  list: readonly CredentialDescriptor[],
  options: CeremonyOptions,
): Promise<readonly CredentialDescriptor[]> {
  const longest = key.info.maxCredentialIdLength ?? Number.POSITIVE_INFINITY
  const parts = partsFor(
    key,
    list.filter(({ id }) => id.length <= longest),
  )
  if (parts.length <= 1) return parts[0] ?? []
  for (const allowList of parts) {
    try {
      const parameters = { rpId, clientDataHash: new Uint8Array(hashLength), allowList, options: { up: false } }
      const { credentialId } = await key.getAssertion(parameters, { signal: options.signal })
      return [{ id: credentialId }]
    } catch (error) {
      if (!isCtapError(error, 'key_no_credentials')) throw error
    }
  }
  return []
}
