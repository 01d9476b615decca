import type { PublicKeyCredentialCreationOptionsJson, RegistrationResponseJson } from '../../../contract/webauthn.ts'
import { fromBase64url, toBase64url } from '../../../lib/base64url.ts'
import { isoTime } from '../../../lib/clock.ts'
import { printable } from '../../../lib/printable.ts'
import type { BindingsTable } from '../../store/schema.ts'
import { recordChange } from '../change.ts'
import type { Domain, Member } from '../domain.ts'
import { Refusal } from '../refusal.ts'
import { newId } from '../secret-keys.ts'
import type { StepUps } from '../step-up.ts'
import { asRefusal } from '../verification/webauthn.ts'
import { supportedAlgorithms, verifyRegistration } from '../webauthn/index.ts'
import type { Bound } from './contact-bindings.ts'
import { finishPending, insertPending } from './pending-binding.ts'

const ceremonyTimeout = 120_000
const mostKeys = 32
const longestName = 40

/** Security keys: a new one is proven by the registration ceremony. */
export interface WebAuthnBindings {
  begin(
    member: Member,
    proof: string | undefined,
    keyName: string | undefined,
  ): Promise<{ binding_id: string; expires_at: string; options: PublicKeyCredentialCreationOptionsJson }>
  finish(member: Member, bindingId: string, credential: RegistrationResponseJson): Promise<Bound>
}

/** @throws {Refusal} `key_name_invalid` for control characters, nothing at all, or too much. */
function checkKeyName(name: string): string {
  const trimmed = name.trim().normalize('NFC')
  const length = [...trimmed].length
  if (length === 0 || length > longestName || printable(trimmed) !== trimmed) throw new Refusal('key_name_invalid')
  return trimmed
}

/** The first of `Security key 1`, `Security key 2` … that is free. */
function nextKeyName(taken: readonly string[]): string {
  for (let number = 1; ; number += 1) {
    const name = `Security key ${number}`
    if (!taken.includes(name)) return name
  }
}

/**
 * The open binding behind a registration ceremony. To its own account it is told why one is no longer open.
 * @throws {Refusal} `webauthn_challenge_foreign`, `webauthn_challenge_used`, `webauthn_challenge_expired`;
 * `binding_expired` for one that is somebody else's, or nobody's
 */
async function findOpenCeremony(domain: Domain, member: Member, bindingId: string): Promise<BindingsTable> {
  const binding = await domain.store.read.bindings.find(bindingId)
  if (binding?.account_id !== member.account.id || binding.item !== 'webauthn') throw new Refusal('binding_expired')
  if (binding.session_id !== member.session.id) throw new Refusal('webauthn_challenge_foreign')
  if (binding.ended_at !== null) throw new Refusal('webauthn_challenge_used')
  if (binding.expires_at <= domain.clock.now()) throw new Refusal('webauthn_challenge_expired')
  return binding
}

export function createWebAuthnBindings(domain: Domain, stepUps: StepUps): WebAuthnBindings {
  const { store, clock, random, outbox, policy } = domain

  return {
    async begin(member, proof, keyName) {
      const { account } = member
      const name = keyName === undefined ? undefined : checkKeyName(keyName)
      const challenge = toBase64url(random.bytes(32))
      const use = { proof, operation: 'webauthn.bind', value: null } as const
      return stepUps.withPendingProof(member, use, async (queries, authorisation) => {
        const bound = await queries.authenticators.listCredentials(account.id)
        if (bound.length >= mostKeys) throw new Refusal('too_many_keys', { maximum: mostKeys })
        const names = bound.map(key => key.name)
        if (name !== undefined && names.includes(name)) throw new Refusal('key_name_invalid', { taken: true })
        const binding = await insertPending(domain, queries, member, authorisation, 'webauthn', {
          value: name ?? nextKeyName(names),
          webauthn_challenge: challenge,
        })
        return {
          binding_id: binding.id,
          expires_at: isoTime(binding.expires_at),
          options: {
            rp: { id: policy.rpId, name: policy.serviceName },
            user: {
              id: toBase64url(account.user_handle),
              name: account.username,
              displayName: account.username,
            },
            challenge,
            pubKeyCredParams: supportedAlgorithms.map(alg => ({ type: 'public-key' as const, alg })),
            timeout: ceremonyTimeout,
            excludeCredentials: bound.map(key => ({
              type: 'public-key' as const,
              id: key.credential_id,
              transports: key.transports.split(' ').filter(Boolean),
            })),
            authenticatorSelection: {
              residentKey: 'discouraged' as const,
              userVerification: policy.webauthn.userVerification,
            },
            attestation: policy.webauthn.attestation,
          },
        }
      })
    },

    async finish(member, bindingId, credential) {
      const { account } = member
      const binding = await findOpenCeremony(domain, member, bindingId)
      const { userVerification, topOrigins, trustedRoots, allowedAaguids, deniedAaguids } = policy.webauthn
      const registered = await verifyRegistration(credential, {
        challenge: fromBase64url(binding.webauthn_challenge ?? ''),
        rpId: policy.rpId,
        origins: policy.origins,
        algorithms: supportedAlgorithms,
        userVerification,
        topOrigins,
        deniedAaguids,
        ...(trustedRoots && { trustedRoots }),
        ...(allowedAaguids && { allowedAaguids }),
      }).catch(error => {
        throw asRefusal(error)
      })
      const name = await store.transaction(async queries => {
        await finishPending(domain, queries, binding, 'bound', 'webauthn_challenge_used')
        const { method } = await stepUps.consumePending(queries, member, binding.challenge_id)
        // Others may have been bound since this one began, under its name, too.
        const bound = await queries.authenticators.listCredentials(account.id)
        if (bound.length >= mostKeys) throw new Refusal('too_many_keys', { maximum: mostKeys })
        const names = bound.map(key => key.name)
        const wanted = binding.value ?? ''
        const ownName = names.includes(wanted) ? nextKeyName(names) : wanted
        const credentialId = toBase64url(registered.credentialId)
        const taken = await queries.authenticators.insertCredential({
          id: newId(random),
          account_id: account.id,
          credential_id: credentialId,
          name: ownName,
          public_key: registered.publicKey,
          algorithm: registered.algorithm,
          sign_count: registered.signCount,
          aaguid: registered.aaguid,
          transports: registered.transports.filter(transport => /^[a-z-]+$/.test(transport)).join(' '),
          backup_eligible: registered.backupEligible ? 1 : 0,
          backup_state: registered.backupState ? 1 : 0,
          bound_at: clock.now(),
          used_at: null,
        })
        if (taken) throw new Refusal('webauthn_credential_in_use')
        await recordChange(domain, queries, member, {
          account,
          sessionId: member.session.id,
          action: 'webauthn.bind',
          notice: 'webauthn.bind',
          method,
          details: { new: ownName },
        })
        return ownName
      })
      outbox.wake()
      return { item: 'webauthn', value: name, replaced: false }
    },
  }
}
