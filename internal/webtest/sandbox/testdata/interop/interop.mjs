// Calls all twelve operations through the API vendor's own client, unchanged, and
// provokes each class of error that it knows. The environment says where:
//   SANDBOX   {url, key, projectId} of a sandbox without faults
//   FAILING   {code: url} of sandboxes that answer every request with that code
//   THROTTLED url of a sandbox whose quota is used up after one request

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

const { RestAPIClient, NumberRange, ErrorCollection } = createRequire(import.meta.url)("@cognigy/rest-api-client");

const { url, key, projectId } = JSON.parse(process.env.SANDBOX);
const failing = JSON.parse(process.env.FAILING);

function connect(baseUrl, apiKey = key) {
	const client = new RestAPIClient({ baseUrl });
	client.setCredentials({ type: "ApiKey", apiKey });
	return client;
}

const client = connect(url);
// What a profile shows of the default fields that nobody sent, and their types.
const defaults = {
	firstname: "", lastname: "", email: "", age: 0, birthday: "", gender: "", location: "", profilepic: "",
	prevent_data_collection: false, accepted_gdpr: false, privacy_policy: { accepted: false }, tasks: [],
};
const types = Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, typeof value]));
const hex24 = /^[a-z0-9]{24}$/;

function rejectsWith(promise, name, status) {
	return assert.rejects(promise, (error) => {
		assert.equal(error.constructor.name, name);
		assert.equal(error.httpStatusCode, status);
		return true;
	});
}

test("the twelve operations", async () => {
	// set schema, get schema
	const details = [{ field: "Tier", internal: "tier", type: "string" }, { field: "Points", internal: "points", type: "number" }];
	await client.setProfileSchema({ projectId, details });
	const schema = await client.getProfileSchema({ projectId });
	assert.deepEqual(schema, { schema: { ...types, tier: "string", points: "number" }, details });

	// create, get
	const profile = { firstname: "Jané", age: 41, accepted_gdpr: true, tier: "gold", points: 7 };
	const created = await client.createProfile({ projectId, contactIds: ["jane@example.com", "+49 30 1"], profile, active: true });
	assert.match(created._id, hex24);
	assert.deepEqual(created.profile, { ...defaults, ...profile });
	const profileId = created._id;
	assert.deepEqual(await client.readProfile({ profileId }), created);

	// update
	assert.equal(await client.updateProfile({ profileId, profile: { lastname: "Roe" }, active: false }), "");
	let now = await client.readProfile({ profileId });
	assert.deepEqual(now.profile, { ...defaults, ...profile, lastname: "Roe" });
	assert.equal(now.active, false);

	// merge
	const other = await client.createProfile({ projectId, contactIds: ["roe@example.com"], profile: { location: "Berlin" } });
	const merged = await client.mergeProfiles({ profileId, contactId: "roe@example.com", projectId });
	assert.equal(merged._id, profileId);
	assert.deepEqual(merged.contactIds, ["jane@example.com", "+49 30 1", "roe@example.com"]);
	assert.equal(merged.profile.location, "Berlin");
	await rejectsWith(client.readProfile({ profileId: other._id }), "ResourceNotFoundError", 404);

	// unmerge
	await client.unmergeProfiles({ profileId, contactId: "roe@example.com" });
	const found = await client.indexProfiles({ projectId, filter: "roe@example.com" });
	assert.equal(found.items.length, 1);
	assert.deepEqual(found.items[0].contactIds, ["roe@example.com"]);

	// remove contact id
	await client.removeContactIdFromProfile({ profileId, contactId: "+49 30 1" });
	now = await client.readProfile({ profileId });
	assert.deepEqual(now.contactIds, ["jane@example.com"]);

	// export data, delete data
	const exported = await client.exportProfileData({ profileId });
	assert.deepEqual(exported, { ...now, sessions: [] });
	await client.removeProfileData({ profileId });
	assert.deepEqual((await client.readProfile({ profileId })).contactIds, ["jane@example.com"]);

	// delete
	assert.equal(await client.deleteProfile({ profileId }), "");
	await rejectsWith(client.readProfile({ profileId }), "ResourceNotFoundError", 404);
	await client.deleteProfile({ profileId: found.items[0]._id });
});

test("list: pages, cursors, order and queries", async () => {
	const names = [];
	for (let i = 0; i < 30; i++) {
		names.push(`list-${String(i).padStart(2, "0")}`);
		await client.createProfile({ projectId, contactIds: [names[i]], active: i % 2 === 0 });
	}
	const contacts = (page) => page.items.map((item) => item.contactIds[0]);

	const seen = [];
	let page = await client.indexProfiles({ projectId, filter: "list-", limit: 12, next: null });
	assert.equal(page.total, 30);
	assert.equal(page.previousCursor, null);
	for (;;) {
		seen.push(...contacts(page));
		if (page.nextCursor === null) break;
		page = await client.indexProfiles({ projectId, filter: "list-", limit: 12, next: page.nextCursor });
	}
	assert.deepEqual(seen, names);
	page = await client.indexProfiles({ projectId, filter: "list-", limit: 12, previous: page.previousCursor });
	assert.deepEqual(contacts(page), names.slice(12, 24));

	assert.equal((await client.indexProfiles({ projectId })).items.length, 25);
	assert.deepEqual(contacts(await client.indexProfiles({ projectId, filter: "list-", skip: 28 })), names.slice(28));
	assert.deepEqual(contacts(await client.indexProfiles({ projectId, sort: { contactIds: "desc" }, limit: 2 })), ["list-29", "list-28"]);
	assert.deepEqual(contacts(await client.indexProfiles({ projectId, query: { contactIds: ["list-03", "list-07"] } })), ["list-03", "list-07"]);
	assert.equal((await client.indexProfiles({ projectId, query: { active: false } })).total, 15);
	const { lastChanged } = page.items[0];
	const range = new NumberRange({ $gte: lastChanged - 60, $lte: lastChanged + 60 });
	assert.equal((await client.indexProfiles({ projectId, query: { lastChanged: range } })).total, 30);
});

test("refusals come as their classes", async () => {
	const none = "f".repeat(24);
	const contactIds = ["refused"];
	await rejectsWith(connect(url, "wrong").readProfile({ profileId: none }), "UnauthorizedError", 401);
	await rejectsWith(client.createProfile({ projectId: none, contactIds }), "ForbiddenError", 403);
	await rejectsWith(client.createProfile({ projectId }), "MissingArgumentError", 400);
	await rejectsWith(client.createProfile({ projectId, contactIds: [1] }), "InvalidArgumentError", 400);
	await rejectsWith(client.createProfile({ projectId, contactIds, profile: { age: "41" } }), "InvalidArgumentError", 400);
	await rejectsWith(client.createProfile({ projectId, contactIds, unknown: 1 }), "InvalidArgumentError", 400);
	await rejectsWith(client.createProfile({ projectId, contactIds, profile: { firstname: "x".repeat(60_000) } }), "PayloadTooLargeError", 413);
	await rejectsWith(client.updateProfile({ profileId: none, active: true }), "ResourceNotFoundError", 404);
	await rejectsWith(client.createProfile({ projectId, contactIds: ["list-00"] }), "ConflictError", 409);
	await rejectsWith(client.mergeProfiles({ profileId: "", contactId: "x", projectId }), "ResourceNotFoundError", 404);
});

test("every code comes as its class", async () => {
	// A create, because the client does not send it again on a status.
	for (const [code, baseUrl] of Object.entries(failing)) {
		await assert.rejects(connect(baseUrl).createProfile({ projectId, contactIds: ["x"] }), (error) => {
			assert.equal(error.constructor, ErrorCollection[code], `code ${code} came as ${error.constructor.name}`);
			assert.equal(String(error.code), code);
			return true;
		});
	}
});

test("429 comes as the client has it, which has no class for it", async () => {
	const throttled = connect(process.env.THROTTLED);
	await throttled.createProfile({ projectId, contactIds: ["first"] });
	await rejectsWith(throttled.createProfile({ projectId, contactIds: ["second"] }), "InternalServerError", 500);
});
