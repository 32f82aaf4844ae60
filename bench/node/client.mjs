// Sends the rows of a CSV file with the vendor's Node client, which is installed
// beside this file when the benchmark runs:
//   node client.mjs BASE_URL SOURCE WORKERS
import fs from "node:fs";
import { createRequire } from "node:module";

const { RestAPIClient } = createRequire(process.cwd() + "/")("@cognigy/rest-api-client");
const [base, source, workers] = process.argv.slice(2);
const client = new RestAPIClient({ baseUrl: base, numberOfRetries: 3, versions: { administration: "2.0" } });
client.setCredentials({ type: "ApiKey", apiKey: "bench" });

const lines = fs.readFileSync(source, "utf8").trim().split("\n").slice(1);
let next = 0;
async function worker() {
  while (next < lines.length) {
    const [email, firstname, rest] = [...lines[next++].matchAll(/^([^,]*),([^,]*),(.*)$/g)][0].slice(1);
    const [, lastname, age, location, gender, accepted] = rest.match(/^"([^"]*)",([^,]*),([^,]*),([^,]*),([^,]*)$/);
    await client.createProfile({
      projectId: "65f0000000000000000000aa",
      contactIds: [email],
      profile: { email, firstname, lastname, age: Number(age), location, gender, accepted_gdpr: accepted === "true" },
    });
  }
}
await Promise.all(Array.from({ length: Number(workers) }, worker));
