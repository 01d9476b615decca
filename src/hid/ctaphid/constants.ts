// https://fidoalliance.org/specs/fido-v2.1-ps-20210615/fido-client-to-authenticator-protocol-v2.1-ps-errata-20220621.html
// Section 11.2.9: the commands, without the bit 7 that marks an initialisation packet.

export const command = {
  ping: 0x01,
  msg: 0x03,
  lock: 0x04,
  init: 0x06,
  wink: 0x08,
  cbor: 0x10,
  cancel: 0x11,
  keepalive: 0x3b,
  error: 0x3f,
} as const

/** Section 11.2.9.1.3: what the device can, as INIT's answer says. */
export const capability = { wink: 0x01, cbor: 0x04, noMsg: 0x08 } as const

/** Section 11.2.9.1.7: what the key is at while it does not answer. */
export const keepalive = { processing: 1, userPresenceNeeded: 2 } as const

/** Section 11.2.9.1.6: why the device did not take a message. */
export const hidError = {
  invalidCommand: 0x01,
  invalidParameter: 0x02,
  invalidLength: 0x03,
  invalidSequence: 0x04,
  messageTimeout: 0x05,
  channelBusy: 0x06,
  lockRequired: 0x0a,
  invalidChannel: 0x0b,
  other: 0x7f,
} as const

/** The names of section 11.2.9.1.6 for them. */
export const hidErrorNames: ReadonlyMap<number, string> = new Map([
  [hidError.invalidCommand, 'ERR_INVALID_CMD'],
  [hidError.invalidParameter, 'ERR_INVALID_PAR'],
  [hidError.invalidLength, 'ERR_INVALID_LEN'],
  [hidError.invalidSequence, 'ERR_INVALID_SEQ'],
  [hidError.messageTimeout, 'ERR_MSG_TIMEOUT'],
  [hidError.channelBusy, 'ERR_CHANNEL_BUSY'],
  [hidError.lockRequired, 'ERR_LOCK_REQUIRED'],
  [hidError.invalidChannel, 'ERR_INVALID_CHANNEL'],
  [hidError.other, 'ERR_OTHER'],
])

/** Section 11.2.4: on this channel, INIT asks for one. */
export const broadcastChannel = 0xffff_ffff
