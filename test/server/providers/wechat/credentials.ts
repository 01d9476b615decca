import type { WeChatCredentials } from '../../../../src/simulators/wechat/credentials.ts'

export const credentials: WeChatCredentials = {
  appId: 'wx0123456789abcdef',
  appSecret: 'app-secret-that-no-one-sees',
  token: 'pushtoken',
  encodingAesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG',
}
