/**
 * Published test vectors: A is in the tests of the Standard Webhooks libraries, B in those of Svix's client
 * libraries, C (ed25519) in Svix's server and README. They prove more than agreement with ourselves.
 */
export interface Vector {
  readonly name: string;
  readonly signingSecret: string;
  readonly verifyingSecret: string;
  readonly id: string;
  readonly timestamp: number;
  readonly body: string;
  readonly signature: string;
}

const A_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const B_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

export const vectorA: Vector = {
  name: "A (v1)",
  signingSecret: A_SECRET,
  verifyingSecret: A_SECRET,
  id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
  timestamp: 1_614_265_330,
  body: '{"test": 2432232314}',
  signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
};

export const vectorB: Vector = {
  name: "B (v1)",
  signingSecret: B_SECRET,
  verifyingSecret: B_SECRET,
  id: "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
  timestamp: 1_649_367_553,
  body: '{"email":"test@example.com","username":"test_user"}',
  signature: "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
};

export const vectorC: Vector = {
  name: "C (v1a)",
  signingSecret:
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
  verifyingSecret: "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
  id: vectorA.id,
  timestamp: vectorA.timestamp,
  body: vectorA.body,
  signature: "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
};

export const vectors: readonly Vector[] = [vectorA, vectorB, vectorC];
