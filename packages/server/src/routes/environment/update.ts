import { environmentRoute } from "../../route.ts";
import { environmentIdOf } from "../environment-id.ts";
import { EnvironmentModelOut, EnvironmentModelUpdate, EnvironmentPath, environmentText } from "./schemas.ts";
import { changeEnvironment } from "./write.ts";

export const updateEnvironment = environmentRoute({
  method: "PUT",
  path: "/api/v1/management/environment/:env_id",
  operationId: "v1.management.environment.update",
  tag: "Environment",
  scope: "write:installation",
  summary: "Update Environment",
  description:
    "Renames an environment. Its keys stay as they are and go on working; new ones are named after the new name. 409 " +
    "when the name is taken. Settings are changed with a key of the environment.",
  params: EnvironmentPath,
  body: EnvironmentModelUpdate,
  answers: { 200: EnvironmentModelOut },
  async handle({ params, body: { name } }, services) {
    const change = { services, change: <Stored>(stored: Stored): Stored => ({ ...stored, name }) };
    return {
      status: 200,
      text: environmentText(await changeEnvironment(environmentIdOf(params.env_id), change)),
    };
  },
});
