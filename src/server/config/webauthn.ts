import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import * as Type from 'typebox/type'
import { defaultPolicy, type WebAuthnPolicy } from '../domain/domain.ts'
import { ConfigError } from './config-error.ts'
import { checkWebOrigin } from './origin.ts'

const Aaguid = Type.String({ pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' })

/** The member `webauthn` of the configuration file. */
export const WebAuthnConfig = Type.Object(
  {
    /** What keys are asked to say of their make. */
    attestation: Type.Optional(Type.Enum(['none', 'indirect', 'direct', 'enterprise'])),
    /** Files with certificates in PEM: only keys whose attestation leads to one of them are bound. */
    attestation_roots: Type.Optional(
      Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })]),
    ),
    /** Whether keys must verify their owner, by PIN or finger. */
    user_verification: Type.Optional(Type.Enum(['required', 'preferred', 'discouraged'])),
    allowed_aaguids: Type.Optional(Type.Array(Aaguid, { minItems: 1 })),
    denied_aaguids: Type.Optional(Type.Array(Aaguid)),
    /** Origins whose ceremonies count, beside the server's own. */
    origins: Type.Optional(Type.Array(Type.String())),
    /** Origins of pages that may hold a frame in which a ceremony runs. */
    top_origins: Type.Optional(Type.Array(Type.String())),
  },
  { additionalProperties: false },
)
export type WebAuthnConfig = Type.Static<typeof WebAuthnConfig>

/**
 * What the policy asks of security keys, and the origins whose ceremonies count beside the server's own.
 * @param folder that of the configuration file, for the files that it names
 * @throws {ConfigError}
 */
export function readWebAuthnConfig(
  config: WebAuthnConfig,
  folder: string,
): { policy: WebAuthnPolicy; origins: readonly string[] } {
  const { attestation = 'none', user_verification, origins = [], top_origins = [] } = config
  const defaults = defaultPolicy.webauthn
  const trustedRoots = readRoots(config, folder)
  if (trustedRoots && attestation === 'none') {
    throw new ConfigError(
      'webauthn.attestation_roots: as long as webauthn.attestation is none, keys do not say who made them, and none ' +
        'could be bound. Set webauthn.attestation to direct.',
    )
  }
  for (const origin of origins) checkCeremonyOrigin(origin)
  for (const origin of top_origins) checkWebOrigin('webauthn.top_origins', origin)
  return {
    origins,
    policy: {
      attestation,
      trustedRoots,
      userVerification: user_verification ?? defaults.userVerification,
      topOrigins: top_origins,
      ...readModels(config),
    },
  }
}

function readModels(config: WebAuthnConfig): Pick<WebAuthnPolicy, 'allowedAaguids' | 'deniedAaguids'> {
  const allowedAaguids = config.allowed_aaguids?.map(aaguid => aaguid.toLowerCase())
  const deniedAaguids = (config.denied_aaguids ?? []).map(aaguid => aaguid.toLowerCase())
  if (allowedAaguids && !config.attestation_roots) {
    throw new ConfigError(
      'webauthn.allowed_aaguids: a key can claim to be of any model. Set webauthn.attestation_roots, too, to check it.',
    )
  }
  const both = allowedAaguids?.find(aaguid => deniedAaguids.includes(aaguid))
  if (both) throw new ConfigError(`webauthn.denied_aaguids: ${both} is in webauthn.allowed_aaguids, too.`)
  return { allowedAaguids, deniedAaguids }
}

/** The origin of an Android app: the hash of the certificate that signed it. */
const androidOrigin = /^android:apk-key-hash:[A-Za-z0-9_-]{43}$/

function checkCeremonyOrigin(origin: string): void {
  if (!androidOrigin.test(origin)) checkWebOrigin('webauthn.origins', origin)
}

const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g
const pemBegin = /-----BEGIN /g

function readRoots({ attestation_roots }: WebAuthnConfig, folder: string): X509Certificate[] | undefined {
  if (attestation_roots === undefined) return undefined
  return [attestation_roots].flat().flatMap(name => readCertificates(resolve(folder, name)))
}

function readCertificates(file: string): X509Certificate[] {
  const place = `webauthn.attestation_roots: ${file}`
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError(`${place} can't be read (${error instanceof Error ? error.message : error}).`)
  }
  const found = text.match(pemCertificate) ?? []
  if (found.length === 0) {
    throw new ConfigError(`${place} holds no certificate in PEM (-----BEGIN CERTIFICATE-----).`)
  }
  if (found.length !== text.match(pemBegin)?.length) {
    throw new ConfigError(`${place} holds something beside whole certificates in PEM, or one that is cut short.`)
  }
  return found.map((pem, index) => {
    try {
      return new X509Certificate(pem)
    } catch (error) {
      const why = error instanceof Error ? error.message : error
      throw new ConfigError(`${place}: certificate ${index + 1} can't be read (${why}).`)
    }
  })
}
