import type { WeChatConfig } from './config.ts'
import type { WeChatSection } from './file-schema.ts'
import { addressMistake } from './origin.ts'
import type { SecretShape } from './secrets.ts'
import { allOrOff, type SectionReader } from './section.ts'

const appSecretShape: SecretShape = {
  pattern: /^[0-9A-Za-z]{16,64}$/,
  expected: 'an AppSecret is expected, 32 hexadecimal digits',
}
/** 消息推送: the token has 3 to 32 letters and digits, the EncodingAESKey 43. */
const tokenShape: SecretShape = { pattern: /^[0-9A-Za-z]{3,32}$/, expected: '3 to 32 letters and digits are expected' }
const aesKeyShape: SecretShape = {
  pattern: /^[0-9A-Za-z]{43}$/,
  expected: 'an EncodingAESKey is expected, 43 letters and digits',
}

/** The section `wechat`; `undefined` where it can't be used, which was told. */
export function readWeChat(section: WeChatSection, reader: SectionReader): WeChatConfig | undefined {
  const { app_id, mode = 'qr', confirm_by_code = false, open_platform = false } = section
  const { base_url = 'https://api.weixin.qq.com', authorize_url = 'https://open.weixin.qq.com' } = section
  for (const [name, url] of Object.entries({ base_url, authorize_url })) {
    const wrong = addressMistake(url)
    if (wrong) reader.mistakes.add(['wechat', name], wrong)
  }
  const { timeout_seconds = 5 } = section
  const { secrets, off } = reader
  // Web authorisation has no push; where one is set up all the same, it is answered.
  const read = (name: 'HUFUD_WECHAT_TOKEN' | 'HUFUD_WECHAT_AES_KEY', shape: SecretShape) =>
    mode === 'qr' || secrets.isGiven(name) ? secrets.read(name, shape) : { value: '' }
  const previous = secrets.isGiven('HUFUD_WECHAT_PREVIOUS_AES_KEY')
    ? secrets.read('HUFUD_WECHAT_PREVIOUS_AES_KEY', aesKeyShape)
    : { value: '' }
  const found = allOrOff(
    {
      appSecret: secrets.read('HUFUD_WECHAT_APP_SECRET', appSecretShape),
      token: read('HUFUD_WECHAT_TOKEN', tokenShape),
      encodingAesKey: read('HUFUD_WECHAT_AES_KEY', aesKeyShape),
      previousEncodingAesKey: previous,
    },
    { method: 'wechat', provider: 'wechat' },
    off,
  )
  return (
    found && {
      ...found,
      previousEncodingAesKey: found.previousEncodingAesKey || undefined,
      appId: app_id,
      mode,
      confirmByCode: confirm_by_code,
      openPlatform: open_platform,
      baseUrl: base_url,
      authorizeUrl: authorize_url,
      timeout: timeout_seconds * 1000,
    }
  )
}
